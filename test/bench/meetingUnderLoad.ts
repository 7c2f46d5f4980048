// A meeting with very many participants: the real server in its process, with its custodian, and two processes of clients.

import { readFileSync, readdirSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Role } from '../../src/protocol/names.ts';
import { Child } from './childProcess.ts';

const clientProcesses = 2;
/** A client keeps a roster of everybody else: at 5,000 that is some gigabytes. */
const clientFlags = ['--max-old-space-size=8192'];
const tokensAtOnce = 50;

const dayMs = '86400000';

/** No rekey but those that the bench asks for, no limit but the machine's, and nothing on the way that is not a rekey's. */
const settings = (participants: number): Record<string, string> => ({
  LATCHKEY_HTTP_PORT: '0',
  LATCHKEY_MEDIA_PORT_BASE: '0',
  LATCHKEY_MEDIA_WORKERS: '1',
  LATCHKEY_LOG_LEVEL: 'warn',
  LATCHKEY_LOG_PRETTY: 'false',
  LATCHKEY_LIMITS_PARTICIPANTS_PER_MEETING: '100000',
  LATCHKEY_LIMITS_CONNECTIONS: '100000',
  LATCHKEY_LIMITS_MESSAGES_PER_SECOND: '1000',
  LATCHKEY_LIMITS_SOCKET_QUEUE_BYTES: '268435456',
  LATCHKEY_CUSTODIAN_SLOTS: String(Math.max(4_096, participants * 16)),
  LATCHKEY_TIMERS_INTERVAL_MS: '43200000',
  LATCHKEY_TIMERS_EPOCH_LIFE_MS: dayMs,
  LATCHKEY_TIMERS_FRESH_FOR_MS: '10000',
  LATCHKEY_TIMERS_RENEWAL_INTERVAL_MS: dayMs,
  LATCHKEY_TIMERS_PING_MS: dayMs,
  LATCHKEY_TIMERS_JOIN_TIMEOUT_MS: '600000',
  LATCHKEY_TIMERS_CUSTODIAN_ANSWER_MS: '60000',
});

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
  readonly server: Child;
  readonly clients: readonly Child[];
  /** By client process, in the order of joining. */
  readonly participants: string[] = [];
  readonly #url: string;
  readonly #apiSecret: string;
  readonly #data: string;
  #meeting = '';

  private constructor(server: Child, url: string, apiSecret: string, data: string) {
    this.server = server;
    this.#url = url;
    this.#apiSecret = apiSecret;
    this.#data = data;
    this.clients = Array.from(
      { length: clientProcesses },
      () => new Child(new URL('rekeyClients.ts', import.meta.url), { execArgv: clientFlags }),
    );
  }

  static async start(
    participants: number,
    timers: Readonly<Record<string, string>>,
  ): Promise<MeetingUnderLoad> {
    const data = await mkdtemp(join(tmpdir(), 'latchkey-bench-'));
    let output = '';
    let told: () => void = () => undefined;
    const ready = new Promise<void>((resolve) => {
      told = resolve;
    });
    const server = new Child(new URL('../../src/main.ts', import.meta.url), {
      execArgv: ['--import', new URL('rekeyWatch.ts', import.meta.url).href],
      env: { ...settings(participants), ...timers, LATCHKEY_DATA_DIRECTORY: data },
      onOutput: (text) => {
        output += text;
        if (output.includes('Latchkey is ready')) told();
      },
    });
    try {
      await Promise.race([ready, server.exited]);
      const url = /(https?:\/\/\S+)/.exec(output)?.[1];
      const apiSecret = /^API secret: (\S+)/m.exec(output)?.[1];
      if (url === undefined || apiSecret === undefined)
        throw new Error('the server did not start; it says why above');
      return new MeetingUnderLoad(server, url.replace(/\/$/, ''), apiSecret, data);
    } catch (thrown) {
      await server.end();
      await rm(data, { recursive: true, force: true });
      throw thrown;
    }
  }

  /** Everybody joins, and has a key: an audience, and before it so many who may send. */
  async fill(count: number, presenters: number, say: (line: string) => void): Promise<void> {
    this.#meeting = (await this.post<{ id: string }>('/v1/meetings', { kind: 'broadcast' })).id;
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
    const tokens: string[] = [];
    while (tokens.length < count) {
      const asked = Math.min(tokensAtOnce, count - tokens.length);
      tokens.push(...(await Promise.all(Array.from({ length: asked }, () => this.#token(role)))));
    }
    const share = Math.ceil(count / this.clients.length);
    const joined = await Promise.all(
      this.clients.map((client, at) =>
        client.ask<string[]>('join', {
          url: this.#url,
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
    await this.post(`/v1/meetings/${this.#meeting}/rekey`, { reason: 'operator' });
  }

  /** Answered when the evicted can open nothing more, with its exposure. */
  async evict(participant: string): Promise<{ exposureMs: number }> {
    return await this.#fetch(`/v1/meetings/${this.#meeting}/participants/${participant}`, {
      method: 'DELETE',
    });
  }

  async post<T>(path: string, body: unknown): Promise<T> {
    return await this.#fetch(path, { method: 'POST', body: JSON.stringify(body) });
  }

  /** Milliseconds of processor that the custodian has used. */
  custodianCpuMs(): number {
    return cpuMsOf(childNamed(this.server.pid, 'latchkey-custodi'));
  }

  /** Of all client processes together. */
  async clientCpuMs(): Promise<number> {
    const used = await Promise.all(this.clients.map((client) => client.ask<number>('cpu')));
    return used.reduce((sum, one) => sum + one, 0);
  }

  async close(): Promise<void> {
    await Promise.all(this.clients.map((client) => client.end()));
    await this.server.end();
    await rm(this.#data, { recursive: true, force: true });
  }

  async #token(role: Role): Promise<string> {
    const path = `/v1/meetings/${this.#meeting}/tokens`;
    return (await this.post<{ token: string }>(path, { name: 'Participant', role })).token;
  }

  async #fetch<T>(path: string, init: { method: string; body?: string }): Promise<T> {
    const response = await fetch(`${this.#url}${path}`, {
      ...init,
      headers: { 'content-type': 'application/json', authorization: `Bearer ${this.#apiSecret}` },
    });
    if (!response.ok) throw new Error(`${path}: ${response.status} ${await response.text()}`);
    return (await response.json()) as T;
  }
}

/** Of proc(5)'s stat, after the name, which may hold anything. */
const statOf = (pid: number): { name: string; fields: string[] } | null => {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    const end = stat.lastIndexOf(')');
    return { name: stat.slice(stat.indexOf('(') + 1, end), fields: stat.slice(end + 2).split(' ') };
  } catch {
    // Gone while we looked.
    return null;
  }
};

const childNamed = (parent: number, name: string): number => {
  const found = readdirSync('/proc')
    .filter((entry) => /^\d+$/.test(entry))
    .map(Number)
    .find((pid) => {
      const stat = statOf(pid);
      return stat !== null && Number(stat.fields[1]) === parent && stat.name.startsWith(name.slice(0, 15));
    });
  if (found === undefined) throw new Error(`process ${parent} has no child ${name}`);
  return found;
};

/** utime and stime, in ticks of 10 ms on every Linux that this runs on. */
const cpuMsOf = (pid: number): number => {
  const { fields } = statOf(pid) ?? { fields: [] };
  return 10 * (Number(fields[11]) + Number(fields[12]));
};
