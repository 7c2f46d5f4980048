// The server as its users run it: a process of its own, configured by environment variables, on free ports, its data in a
// folder that goes with it.

import { fork } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';

const main = new URL('../../src/main.ts', import.meta.url).pathname;
const tap = new URL('../browser/tap.ts', import.meta.url).href;

export interface ServerProcess {
  readonly url: string;
  readonly pid: number;
  readonly process: ChildProcess;
  readonly apiSecret: string;
  /** All that it wrote to stdout and stderr. */
  readonly output: () => string;
  /** SIGTERM; the exit code. */
  stop(): Promise<number | null>;
}

/** `tapped`: what it forwards can be looked at (test/browser/tappedFrames.ts), which costs it as much as one more participant. */
export const startServerProcess = async (
  settings: Record<string, string> = {},
  { tapped = true }: { readonly tapped?: boolean } = {},
): Promise<ServerProcess> => {
  const data = await mkdtemp(join(tmpdir(), 'latchkey-test-'));
  const child = fork(main, [], {
    execArgv: tapped ? ['--import', tap] : [],
    serialization: 'advanced',
    stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
    env: {
      ...process.env,
      LATCHKEY_HTTP_PORT: '0',
      LATCHKEY_MEDIA_PORT_BASE: '0',
      LATCHKEY_DATA_DIRECTORY: data,
      LATCHKEY_LOG_PRETTY: 'false',
      ...settings,
    },
  });
  const lines: string[] = [];
  const exited = once(child, 'exit') as Promise<[number | null, string | null]>;
  const { url, apiSecret } = await new Promise<{ url: string; apiSecret: string }>((resolve, reject) => {
    const found = { url: '', apiSecret: '' };
    const read = (line: string): void => {
      lines.push(line);
      found.url ||= /(https?:\/\/\S+)/.exec(line.startsWith('{') ? '' : line)?.[1] ?? '';
      found.apiSecret ||= /^API secret: (\S+)/.exec(line)?.[1] ?? '';
      if (found.url !== '' && found.apiSecret !== '') resolve(found);
    };
    for (const stream of [child.stdout, child.stderr]) if (stream) createInterface(stream).on('line', read);
    void exited.then(([code, signal]) =>
      reject(new Error(`server ended (${code ?? signal}):\n${lines.join('\n')}`)),
    );
  });
  return {
    url: url.replace(/\/$/, ''),
    pid: child.pid ?? 0,
    process: child,
    apiSecret,
    output: () => lines.join('\n'),
    stop: async () => {
      child.kill('SIGTERM');
      const [code] = await exited;
      await rm(data, { recursive: true, force: true });
      return code;
    },
  };
};

/** As an application would: creates a meeting and tokens for it. */
export const api = (server: Pick<ServerProcess, 'url' | 'apiSecret'>) => {
  const ask = async (method: string, path: string, body?: unknown): Promise<Response> => {
    const response = await fetch(`${server.url}${path}`, {
      method,
      headers: { 'content-type': 'application/json', authorization: `Bearer ${server.apiSecret}` },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    if (!response.ok) throw new Error(`${path}: ${response.status} ${await response.text()}`);
    return response;
  };
  const post = async <T>(path: string, body: unknown): Promise<T> =>
    (await (await ask('POST', path, body)).json()) as T;
  return {
    createMeeting: async (meeting: object = {}) => (await post<{ id: string }>('/v1/meetings', meeting)).id,
    rekey: (meeting: string, reason: 'operator' | 'compromise') =>
      post<{ epoch: number; trigger: string; fingerprint: string; acknowledged: number; missed: number }>(
        `/v1/meetings/${meeting}/rekey`,
        { reason },
      ),
    evict: async (meeting: string, participant: string) =>
      (await (await ask('DELETE', `/v1/meetings/${meeting}/participants/${participant}`)).json()) as {
        epoch: number | null;
        exposureMs: number;
        acknowledged: number;
        missed: number;
        paused: number;
      },
    endMeeting: async (meeting: string) => void (await ask('DELETE', `/v1/meetings/${meeting}`)),
    ledger: async (meeting: string) => await (await ask('GET', `/v1/meetings/${meeting}/ledger`)).text(),
    metrics: async () => await (await ask('GET', '/metrics')).text(),
    token: async (meeting: string, name: string, role: 'host' | 'presenter' | 'viewer' = 'presenter') =>
      (await post<{ token: string }>(`/v1/meetings/${meeting}/tokens`, { name, role })).token,
  };
};
