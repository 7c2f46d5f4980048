// The ledgers of all meetings as files of the data folder, one for each incarnation: written while it runs, readable from then on, also
// after the meeting's end and the server's, removed when it has been over for long enough. What is no ledger by its name, or no plain
// file, is neither read nor removed. Looked up in the folder each time: it is the truth, and an operator may take files away.

import { constants } from 'node:fs';
import { lstat, open, readdir, unlink } from 'node:fs/promises';
import type { FileHandle } from 'node:fs/promises';
import { join } from 'node:path';
import type { Readable } from 'node:stream';
import { ensureDataFolder } from '../config/secretFile.ts';
import { fromBase64Url, toBase64Url } from '../protocol/bytes.ts';
import { LatchkeyError } from '../protocol/errors.ts';
import { lengths } from '../protocol/names.ts';
import { LedgerFile } from './ledgerFile.ts';

export interface LedgerStoreOptions {
  /** Made where it is missing. */
  readonly folder: string;
  /** Days that a ledger is kept after its last line. */
  readonly keepDays: number;
  /** Wall time: ms since 1970. */
  readonly now: () => number;
  /** A file that could not be written, closed or removed. Nothing else follows from it: meetings go on. */
  readonly onFailed: (error: LatchkeyError) => void;
  /** Old ledgers were looked for; so many were removed. */
  readonly onSwept?: (removed: number) => void;
  /** Bytes of one ledger that wait while the disk fails, before the rest of that ledger is given up. */
  readonly maxWaitingBytes?: number;
}

export interface StoredLedger {
  readonly meeting: string;
  /** base64url */
  readonly incarnation: string;
  readonly startedAt: Date;
  /** Its lines still come. */
  readonly running: boolean;
}

export interface ReadLedger extends StoredLedger {
  /** Of whole lines: what a crash, or the line that is being written, left half is not among them. */
  readonly bytes: number;
  /** To be read to its end or destroyed. */
  readonly stream: Readable;
}

const dayMs = 86_400_000;
/** Some 5,000 lines. */
const defaultMaxWaitingBytes = 2_097_152;
/** More than a line has. */
const longestTail = 4_096;

/** Neither through a link, nor waiting for whoever would write into a pipe. */
const readOnly = constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK;

const namePattern = /^([\w-]{1,64})\.(\d{1,16})\.([\w-]{22})\.jsonl$/;

interface Name {
  readonly file: string;
  readonly meeting: string;
  readonly startedAt: Date;
  readonly incarnation: string;
}

const parseName = (file: string): Name | null => {
  const [, meeting = '', startedMs = '', incarnation = ''] = namePattern.exec(file) ?? [];
  const startedAt = new Date(Number(startedMs));
  const exact = fromBase64Url(incarnation)?.length === lengths.incarnation;
  return exact && !Number.isNaN(startedAt.getTime()) ? { file, meeting, startedAt, incarnation } : null;
};

const codeOf = (thrown: unknown): unknown =>
  thrown instanceof Error ? Reflect.get(thrown, 'code') : undefined;

/** What was there when the folder was read and is gone, or is a link, is nothing to read. */
const isNothing = (thrown: unknown): boolean => codeOf(thrown) === 'ENOENT' || codeOf(thrown) === 'ELOOP';

/** Bytes up to the end of the last whole line. */
const wholeLines = async (handle: FileHandle, size: number): Promise<number> => {
  const start = Math.max(0, size - longestTail);
  const { buffer, bytesRead } = await handle.read(Buffer.alloc(size - start), 0, size - start, start);
  const last = buffer.subarray(0, bytesRead).lastIndexOf('\n');
  return last === -1 ? 0 : start + last + 1;
};

export class LedgerStore {
  readonly #options: LedgerStoreOptions;
  /** By file name. */
  readonly #running = new Map<string, LedgerFile>();
  readonly #timer: NodeJS.Timeout;
  readonly #onNoneRuns: (() => void)[] = [];
  #closed = false;

  /** Sweeps at once and every day. @throws LatchkeyError `config_invalid`, `file_too_open` */
  constructor(options: LedgerStoreOptions) {
    this.#options = options;
    ensureDataFolder(options.folder);
    this.#timer = setInterval(() => void this.sweep(), dayMs).unref();
    void this.sweep();
  }

  /** How many are being written. */
  get running(): number {
    return this.#running.size;
  }

  /** Begins the ledger of an incarnation, 16 bytes. */
  open(meeting: string, incarnation: Uint8Array): LedgerFile {
    const { folder, now, onFailed, maxWaitingBytes = defaultMaxWaitingBytes } = this.#options;
    const file = `${meeting}.${Math.trunc(now())}.${toBase64Url(incarnation)}.jsonl`;
    if (parseName(file) === null) throw new RangeError('not the id of a meeting and an incarnation');
    const onClosed = (): void => this.#ended(file);
    const ledger = new LedgerFile({ path: join(folder, file), maxWaitingBytes, onFailed, onClosed });
    this.#running.set(file, ledger);
    return ledger;
  }

  /** The ledgers of a meeting, the newest first. */
  async list(meeting: string): Promise<readonly StoredLedger[]> {
    return (await this.#find(meeting)).map((name) => this.#describe(name));
  }

  /** Of the incarnation, or the newest of the meeting; null where there is none, or not one whole line of it. */
  async read(meeting: string, incarnation?: string): Promise<ReadLedger | null> {
    // Whoever asks while the meeting runs gets what was told until now.
    const running = [...this.#running].filter(([file]) => parseName(file)?.meeting === meeting);
    await Promise.all(running.map(([, file]) => file.flush()));
    for (const name of await this.#find(meeting)) {
      if (incarnation !== undefined && name.incarnation !== incarnation) continue;
      const found = await this.#read(name);
      if (found !== null) return found;
    }
    return null;
  }

  /** Removes what is older than `keepDays`; how many that were. */
  async sweep(): Promise<number> {
    const { folder, now, keepDays, onSwept } = this.#options;
    const before = now() - keepDays * dayMs;
    let removed = 0;
    for (const { file } of await this.#names()) {
      if (this.#closed) return removed;
      if (this.#running.has(file)) continue;
      const path = join(folder, file);
      try {
        const stats = await lstat(path);
        if (!stats.isFile() || stats.mtimeMs >= before) continue;
        await unlink(path);
        removed++;
      } catch (cause) {
        if (!isNothing(cause)) this.#fail(`${path}: cannot be removed`, cause);
      }
    }
    onSwept?.(removed);
    return removed;
  }

  /** Resolves when no ledger runs: each that was begun has its last line, and is written. */
  async noneRuns(): Promise<void> {
    while (this.#running.size > 0) {
      await new Promise<void>((resolve) => this.#onNoneRuns.push(resolve));
    }
  }

  /** No more sweeps and no more lines; waits for what is still to be written. Idempotent. */
  async close(): Promise<void> {
    this.#closed = true;
    clearInterval(this.#timer);
    const running = [...this.#running.values()];
    for (const file of running) file.close();
    await Promise.all(running.map((file) => file.flush()));
  }

  #ended(file: string): void {
    this.#running.delete(file);
    if (this.#running.size > 0) return;
    for (const resolve of this.#onNoneRuns.splice(0)) resolve();
  }

  async #read(name: Name): Promise<ReadLedger | null> {
    let handle: FileHandle;
    try {
      handle = await open(join(this.#options.folder, name.file), readOnly);
    } catch (thrown) {
      if (isNothing(thrown)) return null;
      throw thrown;
    }
    try {
      const stats = await handle.stat();
      const bytes = stats.isFile() ? await wholeLines(handle, stats.size) : 0;
      if (bytes > 0) {
        const stream = handle.createReadStream({ start: 0, end: bytes - 1 });
        return { ...this.#describe(name), bytes, stream };
      }
    } catch (thrown) {
      await handle.close();
      throw thrown;
    }
    await handle.close();
    return null;
  }

  #describe({ file, meeting, incarnation, startedAt }: Name): StoredLedger {
    return { meeting, incarnation, startedAt, running: this.#running.has(file) };
  }

  /** The one that runs is the newest, whatever the clock said when it began. */
  async #find(meeting: string): Promise<Name[]> {
    const names = (await this.#names()).filter((name) => name.meeting === meeting);
    const isRunning = ({ file }: Name): number => Number(this.#running.has(file));
    return names.sort((a, b) => isRunning(b) - isRunning(a) || b.startedAt.getTime() - a.startedAt.getTime());
  }

  async #names(): Promise<Name[]> {
    try {
      const entries = await readdir(this.#options.folder, { withFileTypes: true });
      const files = entries.filter((entry) => entry.isFile());
      return files.map(({ name }) => parseName(name)).filter((name) => name !== null);
    } catch (cause) {
      this.#fail(`${this.#options.folder}: cannot be read`, cause);
      return [];
    }
  }

  #fail(problem: string, cause: unknown): void {
    this.#options.onFailed(new LatchkeyError('internal', problem, { cause }));
  }
}
