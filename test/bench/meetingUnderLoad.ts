// A meeting with very many participants: the real server in its process, with its custodian, and two processes of clients.

import type { Role } from '../../src/protocol/names.ts';
import { Child } from './childProcess.ts';
import { LatchkeyServer } from './latchkeyServer.ts';
import { cpuMsOf } from './processes.ts';

const clientProcesses = 2;
/** A client keeps a roster of everybody else: at 5,000 that is some gigabytes. */
const clientFlags = ['--max-old-space-size=8192'];

const dayMs = '86400000';

/** No rekey but those that the bench asks for, and nothing on the way that is not a rekey's. */
const quiet: Readonly<Record<string, string>> = {
  LATCHKEY_TIMERS_INTERVAL_MS: '43200000',
  LATCHKEY_TIMERS_EPOCH_LIFE_MS: dayMs,
  LATCHKEY_TIMERS_FRESH_FOR_MS: '10000',
  LATCHKEY_TIMERS_RENEWAL_INTERVAL_MS: dayMs,
  LATCHKEY_TIMERS_PING_MS: dayMs,
};

/** A rekey ends when everybody is there, and the next may follow at once. */
export const unhurried: Readonly<Record<string, string>> = {
  LATCHKEY_TIMERS_JOIN_WINDOW_MS: '2000',
  LATCHKEY_TIMERS_MINT_SPACING_MS: '0',
  LATCHKEY_TIMERS_ACK_DEADLINE_MS: '120000',
  LATCHKEY_TIMERS_ACK_DEADLINE_EVICTED_MS: '120000',
  LATCHKEY_TIMERS_LAG_LIMIT_MS: '600000',
  // Or participants would hold all 16 epochs that they may, at ten rekeys a second.
  LATCHKEY_TIMERS_CONFIRM_GRACE_MS: '50',
  LATCHKEY_TIMERS_CONFIRM_GRACE_EVICTED_MS: '50',
  LATCHKEY_TIMERS_RECEIVER_GRACE_MS: '100',
};

export class MeetingUnderLoad {
  readonly clients: readonly Child[];
  /** By client process, in the order of joining. */
  readonly participants: string[] = [];
  readonly #server: LatchkeyServer;
  #meeting = '';

  private constructor(server: LatchkeyServer) {
    this.#server = server;
    this.clients = Array.from(
      { length: clientProcesses },
      () => new Child(new URL('rekeyClients.ts', import.meta.url), { execArgv: clientFlags }),
    );
  }

  static async start(
    participants: number,
    timers: Readonly<Record<string, string>>,
  ): Promise<MeetingUnderLoad> {
    const watch = new URL('rekeyWatch.ts', import.meta.url);
    return new MeetingUnderLoad(
      await LatchkeyServer.start({ watch, participants, env: { ...quiet, ...timers } }),
    );
  }

  get server(): Child {
    return this.#server.child;
  }

  /** Everybody joins, and has a key: an audience, and before it so many who may send. */
  async fill(count: number, presenters: number, say: (line: string) => void): Promise<void> {
    this.#meeting = await this.#server.meeting();
    await this.join(presenters, 'presenter');
    const batch = 100 * this.clients.length;
    for (let joined = presenters; joined < count; joined += batch) {
      await this.join(Math.min(batch, count - joined));
      if ((joined + batch) % 1_000 < batch) say(`${Math.min(joined + batch, count)} of ${count} joined`);
    }
    await this.keyed();
  }

  /** So many of those who are there, of whom each client process has its share, send from now on. */
  async send(count: number): Promise<void> {
    const share = Math.ceil(count / this.clients.length);
    await Promise.all(this.clients.map((client) => client.ask('send', share)));
  }

  async join(count: number, role: Role = 'viewer'): Promise<void> {
    const tokens = await this.#server.tokens(this.#meeting, count, role);
    const share = Math.ceil(count / this.clients.length);
    const joined = await Promise.all(
      this.clients.map((client, at) =>
        client.ask<string[]>('join', {
          url: this.#server.url,
          tokens: tokens.slice(at * share, (at + 1) * share),
        }),
      ),
    );
    this.participants.push(...joined.flat());
  }

  async keyed(): Promise<void> {
    await Promise.all(this.clients.map((client) => client.ask('keyed')));
  }

  /** Answered when the epoch is in use. */
  async rekey(): Promise<void> {
    await this.#server.post(`/v1/meetings/${this.#meeting}/rekey`, { reason: 'operator' });
  }

  /** Answered when the evicted can open nothing more, with its exposure. */
  async evict(participant: string): Promise<{ exposureMs: number }> {
    return await this.#server.delete(`/v1/meetings/${this.#meeting}/participants/${participant}`);
  }

  /** Milliseconds of processor that the custodian has used. */
  custodianCpuMs(): number {
    return cpuMsOf(this.#server.custodianPid);
  }

  /** Of all client processes together. */
  async clientCpuMs(): Promise<number> {
    const used = await Promise.all(this.clients.map((client) => client.ask<number>('cpu')));
    return used.reduce((sum, one) => sum + one, 0);
  }

  async close(): Promise<void> {
    await Promise.all(this.clients.map((client) => client.end()));
    await this.#server.end();
  }
}
