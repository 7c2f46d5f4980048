// The real server in its process, with its custodian and its workers, without limits but the machine's.

import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Role } from '../../src/protocol/names.ts';
import { Child } from './childProcess.ts';
import { childrenOf } from './processes.ts';
import type { ProcessName } from './processes.ts';

const tokensAtOnce = 50;

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
  LATCHKEY_TIMERS_JOIN_TIMEOUT_MS: '600000',
  LATCHKEY_TIMERS_CUSTODIAN_ANSWER_MS: '60000',
});

export interface LatchkeyServerOptions {
  /** What is loaded before it, and answers questions over its channel. */
  readonly watch: URL;
  /** How many will come. */
  readonly participants: number;
  readonly execArgv?: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
}

export class LatchkeyServer {
  readonly child: Child;
  readonly url: string;
  readonly #apiSecret: string;
  readonly #data: string;

  private constructor(child: Child, url: string, apiSecret: string, data: string) {
    this.child = child;
    this.url = url;
    this.#apiSecret = apiSecret;
    this.#data = data;
  }

  static async start(options: LatchkeyServerOptions): Promise<LatchkeyServer> {
    const { watch, participants, execArgv = [], env = {} } = options;
    const data = await mkdtemp(join(tmpdir(), 'latchkey-bench-'));
    let output = '';
    let told: () => void = () => undefined;
    const ready = new Promise<void>((resolve) => {
      told = resolve;
    });
    const child = new Child(new URL('../../src/main.ts', import.meta.url), {
      execArgv: [...execArgv, '--import', watch.href],
      env: { ...settings(participants), ...env, LATCHKEY_DATA_DIRECTORY: data },
      onOutput: (text) => {
        output += text;
        if (output.includes('Latchkey is ready')) told();
      },
    });
    try {
      await Promise.race([ready, child.exited]);
      const url = /(https?:\/\/\S+)/.exec(output)?.[1];
      const apiSecret = /^API secret: (\S+)/m.exec(output)?.[1];
      if (url === undefined || apiSecret === undefined)
        throw new Error('the server did not start; it says why above');
      return new LatchkeyServer(child, url.replace(/\/$/, ''), apiSecret, data);
    } catch (thrown) {
      await child.end();
      await rm(data, { recursive: true, force: true });
      throw thrown;
    }
  }

  get custodianPid(): number {
    const found = this.#children.find(isCustodian);
    if (found === undefined) throw new Error('the server has no custodian');
    return found.pid;
  }

  get workerPids(): number[] {
    return this.#children.filter((child) => !isCustodian(child)).map(({ pid }) => pid);
  }

  /** The id of a new meeting with an audience. */
  async meeting(): Promise<string> {
    return (await this.post<{ id: string }>('/v1/meetings', { kind: 'broadcast' })).id;
  }

  async tokens(meeting: string, count: number, role: Role): Promise<string[]> {
    const tokens: string[] = [];
    const path = `/v1/meetings/${meeting}/tokens`;
    const token = async (): Promise<string> =>
      (await this.post<{ token: string }>(path, { name: 'Participant', role })).token;
    while (tokens.length < count) {
      const asked = Math.min(tokensAtOnce, count - tokens.length);
      tokens.push(...(await Promise.all(Array.from({ length: asked }, token))));
    }
    return tokens;
  }

  async post<T>(path: string, body: unknown): Promise<T> {
    return (await this.#fetch(path, { method: 'POST', body: JSON.stringify(body) })) as T;
  }

  async delete<T>(path: string): Promise<T> {
    return (await this.#fetch(path, { method: 'DELETE' })) as T;
  }

  async end(): Promise<void> {
    await this.child.end();
    await rm(this.#data, { recursive: true, force: true });
  }

  get #children(): ProcessName[] {
    return childrenOf(this.child.pid);
  }

  async #fetch(path: string, init: { method: string; body?: string }): Promise<unknown> {
    const response = await fetch(`${this.url}${path}`, {
      ...init,
      headers: { 'content-type': 'application/json', authorization: `Bearer ${this.#apiSecret}` },
    });
    if (!response.ok) throw new Error(`${path}: ${response.status} ${await response.text()}`);
    return response.status === 204 ? null : await response.json();
  }
}

const isCustodian = ({ name }: ProcessName): boolean => name.startsWith('latchkey-custod');
