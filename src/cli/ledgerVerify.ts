// `latchkey ledger verify`: reads a ledger, says what it proves or where it is wrong. What it found goes to standard output.

import { readFile } from 'node:fs/promises';
import { buffer } from 'node:stream/consumers';
import { exitCodes } from '../exitCodes.ts';
import { ledgerError, verifyLedger } from '../keys/ledgerVerifier.ts';
import type { LedgerFault, LedgerFindings } from '../keys/ledgerVerifier.ts';
import { toBase64Url } from '../protocol/bytes.ts';
import { nodeLedgerTools } from './nodeLedgerTools.ts';

export interface VerifyOptions {
  /** A path, or `-` for standard input. */
  readonly file: string;
  /** The server's Ed25519 key, 32 bytes. */
  readonly key?: Uint8Array | undefined;
  readonly json?: boolean | undefined;
}

/** Bytes: some two million lines, and less than the longest string that there can be. */
const largest = 536_870_000;

const time = (ms: number): string => new Date(ms).toISOString();

const plural = (number: number, thing: string): string => `${number} ${thing}${number === 1 ? '' : 's'}`;

/** In words, for people. */
const describe = (found: LedgerFindings, pinned: boolean): string[] => {
  const { closed, endedAt, lines, signedThrough, epochs, participants, clockSetBack } = found;
  const unsigned = lines - 1 - signedThrough;
  return [
    closed
      ? 'This ledger is whole: nothing was changed, nothing is missing.'
      : `This ledger is sound and not closed: whatever came after line ${lines - 1} is missing here.`,
    `  meeting      ${found.meeting}, ${found.kind}, join policy ${found.joinPolicy}`,
    `  incarnation  ${toBase64Url(found.incarnation)}`,
    `  times        ${time(found.openedAt)} to ${endedAt === null ? 'no end' : time(endedAt)}`,
    `  tells of     ${plural(participants, 'participant')}, ${plural(epochs, 'epoch')}, in ${plural(lines, 'line')}`,
    ...(closed
      ? []
      : [
          signedThrough < 0
            ? '  signed       nothing yet: anybody could have written this'
            : `  signed       through line ${signedThrough}; the last ${plural(unsigned, 'line')} could have been changed`,
        ]),
    `  signed by    ${toBase64Url(found.signingKey)}`,
    pinned
      ? '               the key that you gave'
      : '               as the ledger itself says: give --key to trust nobody but your server',
    ...(clockSetBack === 0
      ? []
      : [`  note         the server's clock went back ${plural(clockSetBack, 'time')}`]),
  ];
};

const toJson = (found: LedgerFindings | LedgerFault, pinned: boolean): string =>
  JSON.stringify(
    found.ok
      ? {
          ...found,
          incarnation: toBase64Url(found.incarnation),
          signingKey: toBase64Url(found.signingKey),
          keyGiven: pinned,
          openedAt: time(found.openedAt),
          endedAt: found.endedAt === null ? null : time(found.endedAt),
        }
      : { ...found, error: ledgerError(found).code },
  );

const read = async (file: string): Promise<string> => {
  const bytes = file === '-' ? await buffer(process.stdin) : await readFile(file);
  if (bytes.length > largest) throw new Error(`more than ${largest} bytes`);
  // A character for each byte: what is hashed is what stands in the file, and what is not ASCII is no ledger.
  return bytes.toString('latin1');
};

/** The exit code. */
export const verifyLedgerFile = async ({ file, key, json }: VerifyOptions): Promise<number> => {
  let text: string;
  try {
    text = await read(file);
  } catch (thrown) {
    const why: unknown = thrown instanceof Error ? (Reflect.get(thrown, 'code') ?? thrown.message) : thrown;
    process.stderr.write(`latchkey: ${file}: cannot be read (${String(why)})\n`);
    return exitCodes.noInput;
  }
  const found = verifyLedger(text, { ...nodeLedgerTools, publicKey: key });
  const pinned = key !== undefined;
  const words = (): string[] => {
    if (found.ok) return describe(found, pinned);
    const { code, message } = ledgerError(found);
    return [
      `This is no ledger to rely on: ${message}.`,
      `  what         ${code}; lines are counted from 0, as their n`,
    ];
  };
  process.stdout.write(json === true ? `${toJson(found, pinned)}\n` : `${words().join('\n')}\n`);
  if (!found.ok) return exitCodes.broken;
  return found.closed ? exitCodes.ok : exitCodes.unfinished;
};
