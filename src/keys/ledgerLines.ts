// The lines of a meeting's ledger: one JSON object each, all ASCII, in exactly one spelling. Format: PROTOCOL.md, "Ledger". Encoder
// and parser read the same table; the parser takes only what the encoder would have written, since the hash of a line is that
// of its bytes. Never a key, a name or a token: ids are random, and a fingerprint tells nothing of its key.

import { fromBase64Url, toBase64Url } from '../protocol/bytes.ts';
import { LatchkeyError } from '../protocol/errors.ts';
import {
  departureCauses,
  endReasons,
  epochId,
  joinPolicies,
  lease,
  lengths,
  maxUint32,
  meetingKinds,
  protocolVersion,
  roles,
  triggers,
} from '../protocol/names.ts';

/** How one field stands in a line: as JSON, and back. `read` gives undefined for what cannot be. */
interface Kind<T> {
  write(value: T): string;
  read(value: unknown): T | undefined;
}

const isWhole = (value: number, low: number, high: number): boolean =>
  Number.isInteger(value) && value >= low && value <= high;

const whole = <T extends number>(low: number, high: number, brand: (value: number) => T): Kind<T> => ({
  write: (value) => {
    if (!isWhole(value, low, high)) throw new RangeError(`${low} … ${high} expected, got ${value}`);
    return String(value);
  },
  read: (value) => (typeof value === 'number' && isWhole(value, low, high) ? brand(value) : undefined),
});

const same = (value: number): number => value;
const count = whole(0, maxUint32, same);
const epoch = whole(0, maxUint32, epochId);
const leaseNumber = whole(1, maxUint32, lease);
/** Milliseconds since 1970, to the last that a Date can hold. */
const time = whole(0, 8.64e15, same);

/** Milliseconds by a monotonic clock, rounded up: never told shorter than it was. */
const duration: Kind<number> = {
  write: (value) => time.write(Math.ceil(value)),
  read: (value) => time.read(value),
};

const bytes = (length: number): Kind<Uint8Array> => ({
  write: (value) => {
    if (value.length !== length) throw new RangeError(`${length} bytes expected, got ${value.length}`);
    return `"${toBase64Url(value)}"`;
  },
  read: (value) => {
    const read = typeof value === 'string' ? fromBase64Url(value) : null;
    return read?.length === length ? read : undefined;
  },
});

/** Of a meeting or participant: needs no escape in JSON. */
const idPattern = /^[\w-]{1,64}$/;
const id: Kind<string> = {
  write: (value) => {
    if (!idPattern.test(value)) throw new RangeError('an id has 1 … 64 letters, digits, - and _');
    return `"${value}"`;
  },
  read: (value) => (typeof value === 'string' && idPattern.test(value) ? value : undefined),
};

const oneOf = <const W extends string>(words: readonly W[]): Kind<W> => ({
  write: (value) => {
    if (!words.includes(value)) throw new RangeError(`one of ${words.join(', ')} expected`);
    return `"${value}"`;
  },
  read: (value) => words.find((word) => word === value),
});

const orNull = <T>(kind: Kind<T>): Kind<T | null> => ({
  write: (value) => (value === null ? 'null' : kind.write(value)),
  read: (value) => (value === null ? null : kind.read(value)),
});

/** Type of line → its fields after n, prev, at and type, in the order in which they are written. */
const fields = {
  /** The first line. `signingKey`: the custodian's, Ed25519. */
  opened: {
    version: whole(protocolVersion, protocolVersion, same),
    incarnation: bytes(lengths.incarnation),
    meeting: id,
    kind: oneOf(meetingKinds),
    joinPolicy: oneOf(joinPolicies),
    signingKey: bytes(lengths.publicKey),
  },
  joined: { participant: id, lease: leaseNumber, role: oneOf(roles) },
  /** Admitted anew: its frames carry the lease `to` from the epoch of that rekey on. */
  moved: { participant: id, from: leaseNumber, to: leaseNumber },
  left: { participant: id, lease: leaseNumber, cause: oneOf(departureCauses) },
  /**
   * `through`: n of the line that was the last one when this mint was asked for; `chain` covers the ledger up to it (`chainInput`).
   * `previous`: the chain of the epoch before. `digest`, `signature`: see `EpochStatement`. `mintedAt`, `sealedAt`: the custodian's clock.
   * `delivered`: to how many participants its messages were handed.
   */
  minted: {
    epoch,
    trigger: oneOf(triggers),
    through: count,
    previous: bytes(lengths.hash),
    chain: bytes(lengths.hash),
    fingerprint: bytes(lengths.fingerprint),
    digest: bytes(lengths.hash),
    signature: bytes(lengths.signature),
    mintedAt: time,
    sealedAt: time,
    delivered: count,
  },
  /** So many newcomers were welcomed to an epoch that was there before. */
  shared: { epoch, leases: count },
  activated: {
    epoch,
    by: oneOf(['quorum', 'deadline']),
    tookMs: duration,
    acknowledged: count,
    missed: count,
  },
  /** The last unpaused sender confirmed it. */
  settled: { epoch },
  /** The departed can open nothing any more. `epoch`: the first that it cannot derive; null where nobody was left to need one. */
  exposed: {
    participant: id,
    lease: leaseNumber,
    cause: oneOf(departureCauses),
    epoch: orNull(epoch),
    exposureMs: duration,
  },
  retired: { epoch, acknowledged: count, missed: count },
  /** The server shut the gate before what this participant sends: it had not confirmed the epoch in time. */
  paused: { participant: id, epoch },
  resumed: { participant: id, epoch },
  /** The custodian was lost and all keys with it; another one goes on. */
  restarted: {},
  /** The meeting is over: nothing follows but `closed`. */
  ended: { reason: oneOf(endReasons) },
  /** `lines` = n, `hash` = prev, and `at` is that of `ended`: nothing stands here that the signature does not cover. */
  closed: { lines: count, hash: bytes(lengths.hash), signature: bytes(lengths.signature) },
} as const;

type Fields = typeof fields;
export type LedgerLineType = keyof Fields;
type ValueOf<K> = K extends Kind<infer T> ? T : never;

/** Type of line → the names of its fields, in order. */
export const ledgerFields: Readonly<Record<LedgerLineType, readonly string[]>> = Object.freeze(
  Object.fromEntries(Object.entries(fields).map(([type, own]) => [type, Object.keys(own)])),
) as Record<LedgerLineType, string[]>;

/** What is written. */
export type LedgerEntry<T extends LedgerLineType = LedgerLineType> = {
  readonly [K in T]: { readonly type: K } & { readonly [F in keyof Fields[K]]: ValueOf<Fields[K][F]> };
}[T];

/** And where: `n` from 0, `prev` the SHA-256 of the line before, zeros for the first, `at` in ms since 1970. */
export type LedgerLine<T extends LedgerLineType = LedgerLineType> = LedgerEntry<T> & {
  readonly n: number;
  readonly prev: Uint8Array;
  readonly at: number;
};

/** Characters; the longest that is written has some 650. */
const longestLine = 1_024;

const prevHash = bytes(lengths.hash);
const kindsOf = new Map(
  Object.entries(fields).map(([type, own]) => [type, Object.entries(own) as [string, Kind<unknown>][]]),
);

/** The line without its newline. @throws RangeError where a value cannot be. */
export const encodeLedgerLine = (line: LedgerLine): string => {
  const values = line as unknown as Readonly<Record<string, unknown>>;
  let text = `{"n":${count.write(line.n)},"prev":${prevHash.write(line.prev)},"at":${time.write(line.at)},"type":"${line.type}"`;
  for (const [name, kind] of kindsOf.get(line.type) ?? []) text += `,"${name}":${kind.write(values[name])}`;
  return `${text}}`;
};

const malformed = (problem: string, cause?: unknown): LatchkeyError =>
  new LatchkeyError('ledger_malformed', problem, { cause });

const parse = (text: string): Readonly<Record<string, unknown>> => {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (cause) {
    throw malformed('this is not JSON', cause);
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw malformed('no JSON object');
  return value as Record<string, unknown>;
};

/** @throws LatchkeyError `ledger_malformed` for whatever `encodeLedgerLine` would not have written. */
export const decodeLedgerLine = (text: string): LedgerLine => {
  if (text.length > longestLine) throw malformed(`longer than ${longestLine} characters`);
  const given = parse(text);
  const { type } = given;
  const own = typeof type === 'string' ? kindsOf.get(type) : undefined;
  if (own === undefined) throw malformed('there is no such type of line');
  const line: Record<string, unknown> = { type };
  for (const [name, kind] of [['n', count], ['prev', prevHash], ['at', time], ...own] as const) {
    const value = kind.read(given[name]);
    if (value === undefined) throw malformed(`"${name}" is missing or has a value that cannot be`);
    line[name] = value;
  }
  const read = line as unknown as LedgerLine;
  // Fields that are too many, twice or in another order, and every other spelling of the same values.
  if (encodeLedgerLine(read) !== text) throw malformed('not written as the server writes it');
  return read;
};
