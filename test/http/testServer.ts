// The HTTP side alone, as the server wires it, on a free port of loopback; meetings are a list in memory.

import { randomBytes } from 'node:crypto';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { request as httpRequest } from 'node:http';
import type { IncomingHttpHeaders, Server } from 'node:http';
import { request as httpsRequest } from 'node:https';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { TokenService } from '../../src/auth/tokens.ts';
import { loadConfig } from '../../src/config/load.ts';
import { allowsPageOverLoopback } from '../../src/http/access.ts';
import { createApp } from '../../src/http/app.ts';
import { closeHttpServer, createHttpServer, listen } from '../../src/http/listen.ts';
import type { Meetings, MeetingSummary } from '../../src/http/meetings.ts';
import type { Eviction, Participants, ParticipantSummary, Rekeyed } from '../../src/http/participants.ts';
import type { Readiness } from '../../src/http/operations.ts';
import { createLog } from '../../src/observe/log.ts';
import { LedgerStore } from '../../src/meeting/ledgerStore.ts';
import { createMetrics } from '../../src/observe/metrics.ts';
import { Secret } from '../../src/observe/secret.ts';
import { LatchkeyError } from '../../src/protocol/errors.ts';

export const apiSecret = 'the-api-secret-of-this-test-0123456789';
export const maxMeetings = 5;

const defaultSettings = {
  joinPolicy: 'every',
  freshForMs: 10_000,
  intervalMs: 300_000,
  renewalIntervalMs: 3_600_000,
  participants: 1_000,
  stage: 100,
  lobby: false,
  backstage: false,
} as const;

export class ListedMeetings implements Meetings, Participants {
  readonly #meetings = new Map<string, MeetingSummary>();
  readonly #ended = new Set<string>();
  /** Thrown by the next call, whatever it is. */
  failure: Error | null = null;
  present: ParticipantSummary[] = [];
  /** Settled by the test, when what was asked for is done. */
  readonly evictions: { participant: string; done: (receipt: Eviction) => void }[] = [];
  readonly rekeys: { reason: string; done: (receipt: Rekeyed | null) => void }[] = [];
  /** Resolves with the next eviction or rekey that is asked for. */
  #asked: (() => void)[] = [];

  /** Somebody has asked for something that takes its time. */
  get asked(): Promise<void> {
    if (this.evictions.length + this.rekeys.length > 0) return Promise.resolve();
    return new Promise((resolve) => this.#asked.push(resolve));
  }

  participants(id: string): readonly ParticipantSummary[] {
    this.get(id);
    return this.present;
  }

  evict(id: string, participant: string): Promise<Eviction> {
    this.get(id);
    if (!this.present.some(({ participantId }) => participantId === participant)) {
      throw new LatchkeyError('not_found', 'there is no such participant');
    }
    return new Promise((done) => {
      this.evictions.push({ participant, done });
      for (const tell of this.#asked.splice(0)) tell();
    });
  }

  rekey(id: string, reason: 'operator' | 'compromise'): Promise<Rekeyed | null> {
    this.get(id);
    if (this.present.length === 0) throw new LatchkeyError('meeting_idle');
    return new Promise((done) => {
      this.rekeys.push({ reason, done });
      for (const tell of this.#asked.splice(0)) tell();
    });
  }

  create({ kind, name, settings }: Parameters<Meetings['create']>[0]): MeetingSummary {
    this.#fail();
    if (this.#meetings.size >= maxMeetings) throw new LatchkeyError('too_many_meetings');
    const id = randomBytes(16).toString('base64url');
    const given = Object.fromEntries(
      Object.entries(settings ?? {}).filter(([, value]) => value !== undefined),
    );
    const meeting = {
      id,
      kind,
      name,
      createdAt: new Date(),
      participants: 0,
      settings: { ...defaultSettings, ...given },
    };
    this.#meetings.set(id, meeting);
    return meeting;
  }

  get(id: string): MeetingSummary {
    this.#fail();
    const meeting = this.#meetings.get(id);
    if (meeting !== undefined) return meeting;
    throw new LatchkeyError(this.#ended.has(id) ? 'meeting_ended' : 'meeting_not_found');
  }

  list(): readonly MeetingSummary[] {
    this.#fail();
    return [...this.#meetings.values()];
  }

  end(id: string): void {
    this.get(id);
    this.#meetings.delete(id);
    this.#ended.add(id);
  }

  #fail(): void {
    const { failure } = this;
    this.failure = null;
    if (failure !== null) throw failure;
  }
}

export interface Answer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly text: string;
  /** The body as JSON. */
  readonly json: () => Record<string, unknown>;
}

export interface Ask {
  readonly method?: string;
  readonly headers?: Readonly<Record<string, string | readonly string[]>>;
  /** An object is sent as JSON. */
  readonly body?: string | Uint8Array | object;
}

/** Sends exactly these headers, Host included, which fetch does not let one choose. */
export const ask = (url: string, { method = 'GET', headers = {}, body }: Ask = {}): Promise<Answer> =>
  new Promise((resolve, reject) => {
    const raw = typeof body === 'string' || body instanceof Uint8Array || body === undefined;
    const bytes = raw ? body : JSON.stringify(body);
    const json = raw ? {} : { 'content-type': 'application/json' };
    const send = url.startsWith('https:') ? httpsRequest : httpRequest;
    const options = { method, headers: { ...json, ...headers }, agent: false, rejectUnauthorized: false };
    const sent = send(url, options, (response) => {
      const chunks: Buffer[] = [];
      response.on('data', (chunk: Buffer) => chunks.push(chunk));
      response.on('error', reject);
      response.on('end', () => {
        const text = Buffer.concat(chunks).toString();
        resolve({
          status: response.statusCode ?? 0,
          headers: response.headers,
          text,
          json: () => JSON.parse(text) as Record<string, unknown>,
        });
      });
    });
    sent.on('error', reject);
    sent.end(bytes);
  });

export const authorized = { authorization: `Bearer ${apiSecret}` };

export interface TestServer {
  /** Without a slash at its end. */
  readonly url: string;
  readonly port: number;
  readonly server: Server;
  readonly meetings: ListedMeetings;
  readonly ledgers: LedgerStore;
  readonly tokens: TokenService;
  readonly signingKey: Uint8Array;
  /** What was logged, a line each. */
  readonly lines: string[];
  readiness: Readiness;
  ask(path: string, ask?: Ask): Promise<Answer>;
  close(): Promise<void>;
}

type Settings = Readonly<Record<string, Record<string, unknown>>>;

/** `settings`: over config/default.yaml. `pages`: files of the built page and SDK. */
export const startTestServer = async (
  settings: Settings = {},
  pages: Readonly<Record<string, string>> = {},
): Promise<TestServer> => {
  const folder = mkdtempSync(join(tmpdir(), 'latchkey-http-'));
  try {
    return await startIn(folder, settings, pages);
  } catch (thrown) {
    rmSync(folder, { recursive: true });
    throw thrown;
  }
};

const startIn = async (
  folder: string,
  settings: Settings,
  pages: Readonly<Record<string, string>>,
): Promise<TestServer> => {
  const config = loadConfig({ overrides: { ...settings, http: { port: 0, ...settings['http'] } } });
  for (const [path, text] of Object.entries(pages)) {
    mkdirSync(dirname(join(folder, path)), { recursive: true });
    writeFileSync(join(folder, path), text);
  }
  const lines: string[] = [];
  const meetings = new ListedMeetings();
  const ledgers = new LedgerStore({
    folder: join(folder, 'ledgers'),
    keepDays: config.ledger.keepDays,
    now: () => Date.now(),
    onFailed: (error) => void lines.push(error.message),
  });
  const tokens = new TokenService(new Secret(randomBytes(32)), config.tokens);
  const signingKey = randomBytes(32);
  const http = { ...config.http, maxConnections: config.limits.connections };
  const app = createApp({
    access: { secret: new Secret(apiSecret), pageOverLoopback: allowsPageOverLoopback(config) },
    tokens,
    meetings,
    ledgers,
    bodyBytes: config.http.bodyBytes,
    metrics: createMetrics({ version: '1.2.3' }),
    version: '1.2.3',
    signingKey,
    readiness: () => running.readiness,
    log: createLog({ level: 'debug', pretty: false }, { write: (line) => void lines.push(line) }),
    trustedProxies: config.http.trustedProxies,
    tls: config.http.tls.certFile !== undefined,
    pages: folder,
  });
  const server = createHttpServer(http, app);
  const url = (await listen(server, { ...http, publicUrl: undefined })).slice(0, -1);
  const running: TestServer = {
    url,
    port: Number(new URL(url).port),
    server,
    meetings,
    ledgers,
    tokens,
    signingKey,
    lines,
    readiness: { ready: true, reasons: [] },
    ask: (path, asked) => ask(`${url}${path}`, asked),
    close: async () => {
      await closeHttpServer(server, 0);
      await ledgers.close();
      rmSync(folder, { recursive: true });
    },
  };
  return running;
};
