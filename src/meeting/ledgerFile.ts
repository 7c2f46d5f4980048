// One ledger's file while it is written. Lines are taken at once and written in their order, those that wait together in one call. A disk that
// fails neither stops the meeting nor loses a line at once: what is not written waits, up to a bound, and is tried again with the
// next line, from the very byte where it failed. Written is not flushed to the medium: the process may die without loss, the machine may not.

import { constants } from 'node:fs';
import { open } from 'node:fs/promises';
import { LatchkeyError } from '../protocol/errors.ts';
import type { LedgerSink } from './meetingLedger.ts';

/** A file of ours that is not there yet: made for its owner alone, never over or through what somebody else put there. */
const flags = constants.O_WRONLY | constants.O_APPEND | constants.O_CREAT | constants.O_EXCL;
const createFile = (path: string): Promise<LineFile> => open(path, flags, 0o600);

export interface LedgerFileEvents {
  /** The first failure of a row, and the last one, when the rest of the ledger is given up. */
  onFailed(error: LatchkeyError): void;
  /** After `close`: everything is written, or will not be. */
  onClosed(): void;
}

/** What is needed of an open file. */
export interface LineFile {
  /** As much as it can. */
  write(bytes: Uint8Array): Promise<{ readonly bytesWritten: number }>;
  close(): Promise<void>;
}

export interface LedgerFileOptions extends LedgerFileEvents {
  readonly path: string;
  /** Bytes that may wait for a disk that fails or is slow. */
  readonly maxWaitingBytes: number;
  /** Makes the file; tried again where it fails. */
  readonly create?: (path: string) => Promise<LineFile>;
}

export class LedgerFile implements LedgerSink {
  readonly #options: LedgerFileOptions;
  /** Lines not yet in `#unwritten`. */
  #lines: string[] = [];
  #waiting = 0;
  #unwritten: Uint8Array = new Uint8Array();
  #file: LineFile | null = null;
  #writing: Promise<void> | null = null;
  #failing = false;
  #givenUp = false;
  #closed = false;

  constructor(options: LedgerFileOptions) {
    this.#options = options;
  }

  write(line: string): void {
    if (this.#closed || this.#givenUp) return;
    this.#lines.push(`${line}\n`);
    this.#waiting += line.length + 1;
    if (this.#waiting > this.#options.maxWaitingBytes) this.#giveUp();
    else this.#start();
  }

  /** True once all that was taken until now is in the file; false where that failed. */
  async flush(): Promise<boolean> {
    if (this.#waiting > 0) this.#start();
    while (this.#writing !== null) await this.#writing;
    return this.#waiting === 0 && !this.#givenUp;
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#start();
  }

  #start(): void {
    this.#writing ??= this.#drain();
  }

  async #drain(): Promise<void> {
    // Lines that are taken at once share a write.
    await Promise.resolve();
    try {
      while (this.#waiting > 0 && !this.#givenUp) await this.#writeSome();
      this.#failing = false;
    } catch (cause) {
      if (!this.#failing) this.#fail('cannot be written; it is tried again with the next line', cause);
      this.#failing = true;
    }
    // Closed: nobody will try again.
    if (this.#closed) await this.#finish();
    // Without a wait since it was looked whether there is more to do: what comes from now on starts another.
    this.#writing = null;
  }

  async #writeSome(): Promise<void> {
    const { path, create = createFile } = this.#options;
    this.#file ??= await create(path);
    if (this.#unwritten.length === 0) {
      this.#unwritten = Buffer.from(this.#lines.join(''), 'latin1');
      this.#lines = [];
    }
    const { bytesWritten } = await this.#file.write(this.#unwritten);
    if (this.#givenUp) return;
    this.#unwritten = this.#unwritten.subarray(bytesWritten);
    this.#waiting -= bytesWritten;
  }

  async #finish(): Promise<void> {
    try {
      await this.#file?.close();
    } catch (cause) {
      this.#fail('cannot be closed', cause);
    }
    if (this.#waiting > 0) this.#giveUp();
    this.#options.onClosed();
  }

  /** The file ends here, as one that was cut: no line may follow one that is missing. */
  #giveUp(): void {
    this.#givenUp = true;
    this.#fail(`${this.#waiting} bytes could not be written: the rest of this ledger is lost`);
    this.#lines = [];
    this.#unwritten = new Uint8Array();
    this.#waiting = 0;
  }

  #fail(problem: string, cause?: unknown): void {
    this.#options.onFailed(new LatchkeyError('internal', `${this.#options.path}: ${problem}`, { cause }));
  }
}
