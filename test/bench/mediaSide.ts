// One of two sides that are measured beside each other: a server of media in its process, ours or the bare one, and the participants that
// generators have at it.

import { setTimeout as pause } from 'node:timers/promises';
import type { Role } from '../../src/protocol/names.ts';
import { Child } from './childProcess.ts';
import { LatchkeyServer } from './latchkeyServer.ts';
import type { Counted, SideName } from './mediaGenerator.ts';
import type { ControlMemory } from './mediaWatch.ts';
import type { Burst } from './pacedStream.ts';
import { cpuMsOf, residentBytesOf } from './processes.ts';
import type { Publication } from './publications.ts';
import type { Invitation } from './seat.ts';

/** A client keeps a roster of everybody else. */
const generatorFlags = ['--max-old-space-size=8192'];
const viewerProcesses = 2;

/** One process sends, so that no received packet delays a sent one; the others receive. */
export class Generators {
  readonly publisher = startGenerator();
  readonly viewers = Array.from({ length: viewerProcesses }, startGenerator);

  get all(): readonly Child[] {
    return [this.publisher, ...this.viewers];
  }

  async cpuMs(): Promise<number> {
    return sum(await Promise.all(this.all.map((child) => child.ask<number>('cpu'))));
  }

  async end(): Promise<void> {
    await Promise.all(this.all.map((child) => child.end()));
  }
}

const startGenerator = (): Child =>
  new Child(new URL('mediaGenerator.ts', import.meta.url), { execArgv: generatorFlags });

/** By process; the bare server has no custodian. */
export interface PerProcess {
  readonly control: number;
  readonly custodian: number;
  readonly workers: number;
}

export const totalOf = ({ control, custodian, workers }: PerProcess): number => control + custodian + workers;

export const differenceOf = (after: PerProcess, before: PerProcess): PerProcess => ({
  control: after.control - before.control,
  custodian: after.custodian - before.custodian,
  workers: after.workers - before.workers,
});

/** A server of media. */
interface MediaServer {
  readonly child: Child;
  readonly custodianPid: number | null;
  readonly workerPids: readonly number[];
  /** A new meeting in the place of the one before, which ends. */
  meet(): Promise<void>;
  invitations(count: number, role: Role): Promise<Invitation[]>;
  end(): Promise<void>;
}

export interface ServerOptions {
  /** How many will come. */
  readonly participants: number;
  readonly workers: number;
}

const exposeGc = ['--expose-gc'];

const startLatchkey = async ({ participants, workers }: ServerOptions): Promise<MediaServer> => {
  const watch = new URL('mediaWatchPreload.ts', import.meta.url);
  // That somebody lags is no news where as many join as the machine can bear.
  const env = { LATCHKEY_MEDIA_WORKERS: String(workers), LATCHKEY_LOG_LEVEL: 'error' };
  const server = await LatchkeyServer.start({ watch, participants, execArgv: exposeGc, env });
  const { child, url, custodianPid, workerPids } = server;
  let meeting: string | null = null;
  return {
    child,
    custodianPid,
    workerPids,
    async meet() {
      if (meeting !== null) await server.delete(`/v1/meetings/${meeting}`);
      meeting = await server.meeting();
    },
    async invitations(count, role) {
      const tokens = await server.tokens(meeting ?? '', count, role);
      return tokens.map((token) => ({ server: 'latchkey', url, token }));
    },
    end: () => server.end(),
  };
};

const startBare = async ({ workers }: ServerOptions): Promise<MediaServer> => {
  const child = new Child(new URL('bareServer.ts', import.meta.url), { execArgv: exposeGc });
  const started = await child.ask<{ port: number; workerPids: number[] }>('start', { workers });
  const invitation = { server: 'bare', url: `ws://127.0.0.1:${started.port}/` } as const;
  return {
    child,
    custodianPid: null,
    workerPids: started.workerPids,
    meet: () => child.ask('meet'),
    invitations: async (count, role) => Array.from({ length: count }, () => ({ ...invitation, role })),
    end: () => child.end(),
  };
};

export class MediaSide {
  readonly #name: SideName;
  readonly #server: MediaServer;
  readonly #generators: Generators;

  private constructor(name: SideName, server: MediaServer, generators: Generators) {
    this.#name = name;
    this.#server = server;
    this.#generators = generators;
  }

  static async start(name: SideName, generators: Generators, options: ServerOptions): Promise<MediaSide> {
    const server = await (name === 'ours' ? startLatchkey(options) : startBare(options));
    return new MediaSide(name, server, generators);
  }

  /** A new meeting; whoever was in the one before is out, and their transports are gone. */
  async meet(): Promise<void> {
    await this.#server.meet();
    await Promise.all(this.#generators.all.map((child) => child.ask('leaveAll', this.#name)));
  }

  invite(count: number): Promise<readonly Invitation[]> {
    return this.#server.invitations(count, 'viewer');
  }

  /** Resolves when all of them are connected and have a key, and consume what is sent. */
  async join(invitations: readonly Invitation[]): Promise<void> {
    const { viewers } = this.#generators;
    const share = Math.ceil(invitations.length / viewers.length);
    await Promise.all(
      viewers.map((child, at) =>
        child.ask('join', {
          side: this.#name,
          invitations: invitations.slice(at * share, (at + 1) * share),
        }),
      ),
    );
  }

  /** So many viewers go. */
  async leave(count: number): Promise<void> {
    const { viewers } = this.#generators;
    const share = Math.floor(count / viewers.length);
    await Promise.all(
      viewers.map((child, at) =>
        child.ask('leave', {
          side: this.#name,
          count: at === 0 ? count - share * (viewers.length - 1) : share,
        }),
      ),
    );
  }

  /** One more participant, who sends when it is told to. */
  async publish(publication: Publication): Promise<void> {
    const [invitation] = await this.#server.invitations(1, 'presenter');
    await this.#generators.publisher.ask('publish', { side: this.#name, invitation, publication });
  }

  /** Resolves when all is sent. */
  async burst(ms: number, wantedBytes: number): Promise<Burst> {
    return await this.#generators.publisher.ask('burst', { side: this.#name, ms, wantedBytes });
  }

  async count(): Promise<void> {
    await Promise.all(this.#generators.viewers.map((child) => child.ask('count', this.#name)));
  }

  async counted(): Promise<Counted> {
    const { viewers } = this.#generators;
    const all = await Promise.all(viewers.map((child) => child.ask<Counted>('counted', this.#name)));
    return {
      viewers: sum(all.map(({ viewers }) => viewers)),
      packets: sum(all.map(({ packets }) => packets)),
      least: Math.min(...all.map(({ least }) => least)),
    };
  }

  /** What they have got of `packets` each, when all have all, or when so much time has passed. */
  async arrived(packets: number, withinMs: number): Promise<Counted> {
    const beganMs = performance.now();
    for (;;) {
      const counted = await this.counted();
      if (counted.least >= packets || performance.now() - beganMs >= withinMs) return counted;
      await pause(lookMs);
    }
  }

  /** Packets that its workers say they sent. */
  forwarded(): Promise<number> {
    return this.#server.child.ask('forwarded');
  }

  /** Milliseconds of processor until now. */
  cpuMs(): PerProcess {
    return this.#perProcess(cpuMsOf);
  }

  residentBytes(): PerProcess {
    return this.#perProcess(residentBytesOf);
  }

  /** After a forced collection. */
  controlMemory(): Promise<ControlMemory> {
    return this.#server.child.ask('memory');
  }

  /** Its participants with it, also where something of it does not answer any more. */
  async end(): Promise<void> {
    const left = this.#generators.all.map((child) => child.ask('leaveAll', this.#name));
    await Promise.race([Promise.allSettled(left), pause(endMs, undefined, { ref: false })]);
    await this.#server.end();
  }

  #perProcess(of: (pid: number) => number): PerProcess {
    const { child, custodianPid, workerPids } = this.#server;
    return {
      control: of(child.pid),
      custodian: custodianPid === null ? 0 : of(custodianPid),
      workers: sum(workerPids.map(of)),
    };
  }
}

/** Between two looks at what has come. */
const lookMs = 25;
/** For participants to go. */
const endMs = 10_000;

const sum = (values: readonly number[]): number => values.reduce((total, one) => total + one, 0);
