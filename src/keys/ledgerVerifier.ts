// Reads a whole ledger and says what it proves, or the first line that is not as the server wrote it. Laws and limits: PROTOCOL.md,
// "Ledger". What is proven: every line that a signature covers, and those before it, are as they were written, in order, none missing.
// What is not: lines after the last signature. Whoever can write the file can cut or rewrite them, so a ledger that is not closed
// says how far it is signed, and that more may have been there.

import { encodeUtf8, equalBytes } from '../protocol/bytes.ts';
import { LatchkeyError } from '../protocol/errors.ts';
import { chainInput, epochSignatureInput, ledgerSignatureInput } from '../protocol/keyMessages.ts';
import { lengths } from '../protocol/names.ts';
import type { JoinPolicy, MeetingKind } from '../protocol/names.ts';
import { decodeLedgerLine } from './ledgerLines.ts';
import type { LedgerLine } from './ledgerLines.ts';
import { LedgerStory } from './ledgerStory.ts';

/** What can be wrong → in words. PROTOCOL.md shows the same table. */
export const ledgerFaults = {
  malformed: 'not a line that a server writes',
  cut: 'the last line has no end',
  sequence: 'lines are missing, doubled or in another order',
  chain: 'the line, or the one before it, was changed or is of another ledger',
  key: 'the ledger names another signing key than the one that is trusted',
  signature: 'not signed by the server, or something that the signature covers was changed',
  epoch_order: 'epochs that are not minted, activated and retired in their order',
  story: 'what cannot have happened after the lines before',
  after_end: 'a line after the ledger was closed',
} as const;
export type LedgerFaultCode = keyof typeof ledgerFaults;

export interface LedgerFault {
  readonly ok: false;
  /** Its place, from 0, as `n` should be. */
  readonly line: number;
  readonly code: LedgerFaultCode;
  readonly message: string;
}

export interface LedgerFindings {
  readonly ok: true;
  readonly incarnation: Uint8Array;
  readonly meeting: string;
  readonly kind: MeetingKind;
  readonly joinPolicy: JoinPolicy;
  /** Ed25519, 32 bytes. Who is not given a key to trust has this one's word only. */
  readonly signingKey: Uint8Array;
  readonly lines: number;
  /** Minted. */
  readonly epochs: number;
  /** Who ever came. */
  readonly participants: number;
  /** Milliseconds since 1970 by the server's clock; `endedAt` is null where the ledger does not tell of an end. */
  readonly openedAt: number;
  readonly endedAt: number | null;
  /** Nothing is missing. False: whatever followed `signedThrough` may have been changed, and whatever followed the last line is missing. */
  readonly closed: boolean;
  /** n of the last line that a signature covers; −1 where none does. */
  readonly signedThrough: number;
  /** How often the server's clock went back. Tolerated: nothing rests on it. */
  readonly clockSetBack: number;
}

export interface LedgerTools {
  /** SHA-256. */
  hash(bytes: Uint8Array): Uint8Array;
  /** Ed25519; false for a key that is none, too. */
  verify(publicKey: Uint8Array, message: Uint8Array, signature: Uint8Array): boolean;
  /** The server's, from where it is trusted. Without it the key that the ledger names is believed. */
  readonly publicKey?: Uint8Array | undefined;
}

const fault = (line: number, code: LedgerFaultCode, message: string = ledgerFaults[code]): LedgerFault => ({
  ok: false,
  line,
  code,
  message,
});

/** @returns a fault as the error that crosses a boundary: `ledger_malformed` or `ledger_broken`, with the place. */
export const ledgerError = ({ line, code, message }: LedgerFault): LatchkeyError =>
  new LatchkeyError(
    code === 'malformed' || code === 'cut' ? 'ledger_malformed' : 'ledger_broken',
    `line ${line}: ${message} (${code})`,
  );

/** `text`: the file's bytes, each a character or decoded as UTF-8: a ledger is ASCII. */
export const verifyLedger = (text: string, tools: LedgerTools): LedgerFindings | LedgerFault =>
  new Verification(text.split('\n'), tools).run();

const noHash = new Uint8Array(lengths.hash);

class Verification {
  readonly #texts: readonly string[];
  /** What stands after the last newline: nothing, where the file is whole. */
  readonly #rest: string;
  readonly #tools: LedgerTools;
  readonly #story = new LedgerStory();
  readonly #hashes: Uint8Array[] = [];
  /** Of the last epoch; zeros before the first. */
  #chain: Uint8Array = noHash;
  #signedThrough = -1;

  constructor(parts: readonly string[], tools: LedgerTools) {
    this.#texts = parts.slice(0, -1);
    this.#rest = parts.at(-1) ?? '';
    this.#tools = tools;
  }

  run(): LedgerFindings | LedgerFault {
    for (const [n, text] of this.#texts.entries()) {
      const found = this.#check(n, text);
      if (found !== null) return found;
    }
    if (this.#rest !== '') {
      return fault(
        this.#texts.length,
        'cut',
        'the last line has no end: the file was cut while or after it was written',
      );
    }
    const { opened } = this.#story;
    if (opened === null) return fault(0, 'cut', 'there is no line');
    const { incarnation, meeting, kind, joinPolicy, signingKey, at } = opened;
    const { closed, epochs, participants, endedAt, clockSetBack } = this.#story;
    return {
      ok: true,
      incarnation,
      meeting,
      kind,
      joinPolicy,
      signingKey,
      lines: this.#texts.length,
      epochs,
      participants,
      openedAt: at,
      endedAt,
      closed,
      signedThrough: this.#signedThrough,
      clockSetBack,
    };
  }

  /** What of the line can be wrong by itself comes before what two lines say of one another. */
  #check(n: number, text: string): LedgerFault | null {
    const line = this.#decode(n, text);
    if ('ok' in line) return line;
    if (!equalBytes(line.prev, this.#hashes[n - 1] ?? noHash)) return this.#blame(n);
    const told = this.#story.tell(line);
    if (told !== null) return fault(n, told.code, told.message);
    this.#hashes.push(this.#hash(text));
    if (line.type === 'opened') return this.#open(line);
    if (line.type === 'minted') return this.#mint(line);
    return line.type === 'closed' ? this.#close(line) : null;
  }

  #decode(n: number, text: string): LedgerLine | LedgerFault {
    let line: LedgerLine;
    try {
      line = decodeLedgerLine(text);
    } catch (thrown) {
      if (!(thrown instanceof LatchkeyError)) throw thrown;
      return fault(n, 'malformed', thrown.message);
    }
    if (line.n === n) return line;
    return fault(n, 'sequence', `line ${n} expected, and this is line ${line.n}`);
  }

  #hash(text: string): Uint8Array {
    return this.#tools.hash(encodeUtf8(text));
  }

  #open({ signingKey }: LedgerLine<'opened'>): LedgerFault | null {
    const { publicKey } = this.#tools;
    return publicKey === undefined || equalBytes(publicKey, signingKey) ? null : fault(0, 'key');
  }

  #mint(line: LedgerLine<'minted'>): LedgerFault | null {
    const problem = this.#problemOfMint(line, this.#chain, this.#hashes[line.through]);
    if (problem !== null) return problem;
    this.#chain = line.chain;
    this.#signedThrough = line.through;
    return null;
  }

  /** `chain`: of the epoch before. `ledger`: the hash of the line through which it covers them. */
  #problemOfMint(
    line: LedgerLine<'minted'>,
    chain: Uint8Array,
    ledger: Uint8Array | undefined,
  ): LedgerFault | null {
    const { n, previous, signature } = line;
    const { opened } = this.#story;
    // Neither can be after the story was told: no line comes before the one that opens, and none covers what is not there.
    if (opened === null || ledger === undefined) return fault(n, 'story');
    const { incarnation, signingKey } = opened;
    if (!equalBytes(previous, chain)) return fault(n, 'chain', 'not the chain of the epoch before');
    if (!equalBytes(line.chain, this.#tools.hash(chainInput({ ...line, incarnation, ledger })))) {
      return fault(n, 'chain', 'the chain of this epoch is that of other lines than stand before it');
    }
    const input = epochSignatureInput({ ...line, incarnation });
    return this.#tools.verify(signingKey, input, signature) ? null : fault(n, 'signature');
  }

  #close({ n, prev, lines, hash, signature }: LedgerLine<'closed'>): LedgerFault | null {
    if (lines !== n) return fault(n, 'sequence', `${n} lines stand before the end, and ${lines} are said to`);
    if (!equalBytes(hash, prev)) return fault(n, 'chain', 'two hashes of the last line');
    if (!this.#isEnd(n, hash, signature)) return fault(n, 'signature');
    this.#signedThrough = n;
    return null;
  }

  #isEnd(lines: number, hash: Uint8Array, signature: Uint8Array): boolean {
    const { opened } = this.#story;
    if (opened === null) return false;
    const { incarnation, signingKey } = opened;
    return this.#tools.verify(signingKey, ledgerSignatureInput({ incarnation, lines, hash }), signature);
  }

  /**
   * Line n names another hash than line n − 1 has. Which of the two is not what the server wrote? If the next signature covers line n as it stands,
   * with the hash that it names, it is the one before; if that signature refutes it, line n is of another ledger. Where no signature
   * tells, line n was changed unless the next line names the hash that it has. The first line names what every signature is checked with:
   * where it was changed none is good.
   */
  #blame(n: number): LedgerFault {
    const word = n > 1 ? this.#wordOnLine(n) : 'unknown';
    if (word === 'good' || (word === 'unknown' && n > 0 && this.#isFollowed(n))) {
      return fault(n - 1, 'chain', `changed: line ${n} is whole and names another hash for it`);
    }
    return fault(n, 'chain', n === 0 ? 'the first line follows none, and names a hash' : undefined);
  }

  /** The next line names the hash that line n has. */
  #isFollowed(n: number): boolean {
    const [text, next] = this.#texts.slice(n, n + 2);
    if (text === undefined || next === undefined) return false;
    const line = this.#decode(n + 1, next);
    return !('ok' in line) && equalBytes(line.prev, this.#hash(text));
  }

  /** What the first signature says that covers line n, where the lines up to it are linked to one another. */
  #wordOnLine(n: number): 'good' | 'bad' | 'unknown' {
    /** Of line n − 1, as line n tells it, and of those after it. */
    const hashes = this.#hashes.slice(0, n - 1);
    let chain = this.#chain;
    for (const [beyond, text] of this.#texts.slice(n).entries()) {
      const line = this.#decode(n + beyond, text);
      if ('ok' in line) return 'unknown';
      if (beyond === 0) hashes.push(line.prev);
      else if (!equalBytes(line.prev, hashes[line.n - 1] ?? noHash)) return 'unknown';
      if (line.type === 'closed') return this.#isEnd(line.n, line.prev, line.signature) ? 'good' : 'bad';
      if (line.type === 'minted') {
        if (this.#problemOfMint(line, chain, hashes[line.through]) !== null) return 'bad';
        if (line.through >= n - 1) return 'good';
        chain = line.chain;
      }
      hashes.push(this.#hash(text));
    }
    return 'unknown';
  }
}
