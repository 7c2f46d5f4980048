// What control process and custodian say to each other: one schema, checked at both ends. No message holds a secret.

import { z } from 'zod';
import { isErrorCode } from '../protocol/errors.ts';
import type { ErrorCode } from '../protocol/errors.ts';
import {
  epochId,
  joinPolicies,
  lease as toLease,
  lengths,
  maxUint32,
  roles,
  triggers,
} from '../protocol/names.ts';

const message = z.custom<Uint8Array>((value) => value instanceof Uint8Array);
const bytes = (length: number) =>
  message.refine((value) => value.length === length, { message: `${length} bytes` });
const count = z.int().min(0);
/** As long as a timer can wait. */
const duration = z
  .int()
  .min(0)
  .max(2 ** 31 - 1);
const uint32 = z.int().min(0).max(maxUint32);
const name = z.string().min(1).max(128);
const lease = z.int().min(1).max(maxUint32).transform(toLease);
const leases = z.array(lease).max(1_000_000);

/** method → what is asked, what is answered. */
export const custodianMessages = {
  openMeeting: {
    ask: z.strictObject({
      meeting: name,
      joinPolicy: z.enum(joinPolicies),
      freshForMs: duration,
      continues: z
        .strictObject({
          incarnation: bytes(lengths.incarnation),
          lastLease: uint32,
          nextEpoch: uint32,
          chain: bytes(lengths.hash),
        })
        .refine(({ nextEpoch, chain }) => (nextEpoch === 0) === chain.every((byte) => byte === 0), {
          message: 'a chain of no epoch, or none of one',
        })
        .optional(),
    }),
    answer: z.strictObject({ incarnation: bytes(lengths.incarnation) }),
  },
  admit: {
    ask: z.strictObject({
      meeting: name,
      participant: name,
      role: z.enum(roles),
      tokenId: name,
      publicKey: bytes(lengths.publicKey),
    }),
    answer: z.strictObject({ admission: message, lease }),
  },
  rekey: {
    ask: z.strictObject({
      meeting: name,
      trigger: z.enum(triggers),
      joins: leases,
      departures: leases,
      ledger: bytes(lengths.hash),
      share: z.boolean(),
    }),
    answer: z.strictObject({
      minted: z.boolean(),
      epoch: uint32.transform(epochId),
      trigger: z.enum(triggers),
      fingerprint: bytes(lengths.fingerprint),
      chain: bytes(lengths.hash),
      digest: bytes(lengths.hash),
      signature: bytes(lengths.signature),
      mintedAt: count,
      sealedAt: count,
      rekey: message.nullable(),
      welcomes: z.array(z.strictObject({ lease, message })),
    }),
  },
  withdraw: { ask: z.strictObject({ meeting: name, leases }), answer: z.null() },
  verifyResume: {
    ask: z.strictObject({
      meeting: name,
      lease,
      challenge: bytes(lengths.challenge),
      proof: bytes(lengths.proof),
    }),
    answer: z.boolean(),
  },
  signTransport: {
    ask: z.strictObject({
      meeting: name,
      participant: name,
      transport: name,
      fingerprints: z
        .array(z.strictObject({ algorithm: z.string().max(16), value: z.string().max(256) }))
        .min(1)
        .max(8),
    }),
    answer: bytes(lengths.signature),
  },
  closeMeeting: {
    ask: z.strictObject({
      meeting: name,
      ledger: z.strictObject({ lines: uint32, hash: bytes(lengths.hash) }),
    }),
    answer: bytes(lengths.signature),
  },
  statistics: {
    ask: z.strictObject({}),
    answer: z.strictObject({
      meetings: count,
      leaves: count,
      waiting: count,
      slotsUsed: count,
      slotsTotal: count,
      slotsMapped: count,
      lockedBytes: count,
      mints: count,
      seals: count,
    }),
  },
} as const;

export type CustodianMethod = keyof typeof custodianMessages;
export type CustodianAsk<M extends CustodianMethod> = z.infer<(typeof custodianMessages)[M]['ask']>;
export type CustodianAnswer<M extends CustodianMethod> = z.infer<(typeof custodianMessages)[M]['answer']>;

export const isCustodianMethod = (text: string): text is CustodianMethod =>
  Object.hasOwn(custodianMessages, text);

export const request = z.strictObject({ id: z.int(), method: z.string(), data: z.unknown() });

const failure = z.strictObject({ code: z.custom<ErrorCode>(isErrorCode), message: z.string() });
/**
 * The first message says that it is ready, or why it cannot be; then one for each request, with its id. Between them, when the slab has grown, how
 * much of it there is and how much memory is locked.
 */
export const response = z.union([
  z.strictObject({
    ready: z.literal(true),
    publicKey: bytes(lengths.publicKey),
    /** The user id as which it runs; -1 where the platform has none. */
    user: z.int(),
    lockedBytes: count,
    slabBytes: count,
  }),
  z.strictObject({ notice: z.literal('slabGrew'), lockedBytes: count, slabBytes: count }),
  z.strictObject({ id: z.int(), ok: z.literal(true), data: z.unknown() }),
  z.strictObject({ id: z.int().nullable(), ok: z.literal(false), error: failure }),
]);
export type Response = z.infer<typeof response>;
