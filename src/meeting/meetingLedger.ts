// The ledger of one incarnation while it is written: numbers, links and times each line, and hands it on. Of what it wrote it keeps the
// last hash and the number of lines, however long the meeting: the text is with the sink. What the lines say stands in keys/ledgerLines.ts.

import { hash } from 'node:crypto';
import type { RekeyAnswer } from '../custodian/custodian.ts';
import { encodeLedgerLine } from '../keys/ledgerLines.ts';
import type { LedgerEntry, LedgerLineType } from '../keys/ledgerLines.ts';
import { lengths, protocolVersion } from '../protocol/names.ts';
import type { EndReason } from '../protocol/names.ts';

/** Where the lines go. Neither call fails or waits: what happens to the lines is the sink's to tell. */
export interface LedgerSink {
  /** One line, without its newline. */
  write(line: string): void;
  /** No more lines come. */
  close(): void;
}

/** How many lines there are, and the last one's SHA-256, 32 bytes. */
export interface LedgerHead {
  readonly lines: number;
  readonly hash: Uint8Array;
}

export interface MeetingLedgerOptions extends Omit<LedgerEntry<'opened'>, 'type' | 'version'> {
  /** Wall time: ms since 1970. */
  readonly now: () => number;
  readonly sink: LedgerSink;
}

/** What its owner appends as it happens; the others have methods of their own. */
export type OrdinaryEntry = LedgerEntry<Exclude<LedgerLineType, 'opened' | 'minted' | 'ended' | 'closed'>>;

export class MeetingLedger {
  readonly #now: () => number;
  readonly #sink: LedgerSink;
  #lines = 0;
  #hash: Uint8Array = new Uint8Array(lengths.hash);
  /** Of the newest epoch; zeros before the first. */
  #chain: Uint8Array = new Uint8Array(lengths.hash);
  /** The time that `ended` has. */
  #endedAt: number | null = null;
  #closed = false;

  constructor({ now, sink, ...opened }: MeetingLedgerOptions) {
    this.#now = now;
    this.#sink = sink;
    this.#write({ type: 'opened', version: protocolVersion, ...opened });
  }

  /** To be handed to the custodian when an epoch is asked for (`hash`), and kept for `minted`. */
  get head(): LedgerHead {
    return { lines: this.#lines, hash: this.#hash };
  }

  /**
   * The line, without its newline; null after `end`, when what still arrives is not told any more.
   * @throws RangeError where a value cannot stand in a ledger.
   */
  append(entry: OrdinaryEntry): string | null {
    return this.#endedAt === null ? this.#write(entry) : null;
  }

  /**
   * `asked`: the head that the custodian was given. Lines may have been appended since: people come and go while it answers. `delivered`: to how
   * many participants the answer's messages were handed.
   */
  minted(answer: RekeyAnswer, asked: LedgerHead, delivered: number): string | null {
    if (this.#endedAt !== null) return null;
    const { epoch, trigger, chain, fingerprint, digest, signature, mintedAt, sealedAt } = answer;
    const previous = this.#chain;
    this.#chain = chain;
    return this.#write({
      type: 'minted',
      epoch,
      trigger,
      through: asked.lines - 1,
      previous,
      chain,
      fingerprint,
      digest,
      signature,
      mintedAt,
      sealedAt,
      delivered,
    });
  }

  /** Everybody has left and every epoch is retired. The head is to be signed; asked again, it is the same. */
  end(reason: EndReason): LedgerHead {
    if (this.#endedAt === null) {
      const at = this.#time();
      this.#write({ type: 'ended', reason }, at);
      this.#endedAt = at;
    }
    return this.head;
  }

  /** `signature`: over the head that `end` gave, 64 bytes; null where nobody signs any more: then the ledger stays open. Idempotent. */
  close(signature: Uint8Array | null): void {
    if (this.#closed) return;
    this.#closed = true;
    if (signature !== null && this.#endedAt !== null) {
      this.#write({ type: 'closed', ...this.head, signature }, this.#endedAt);
    }
    this.#sink.close();
  }

  #time(): number {
    return Math.trunc(this.#now());
  }

  #write(entry: LedgerEntry, at = this.#time()): string {
    const line = encodeLedgerLine({ n: this.#lines, prev: this.#hash, at, ...entry });
    this.#hash = hash('sha256', line, 'buffer');
    this.#lines++;
    this.#sink.write(line);
    return line;
  }
}
