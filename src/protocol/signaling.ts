// The JSON messages of a participant's WebSocket: requests (answered once), notices (never answered). Server, client and
// tests validate with these same schemas. Binary messages are the custodian's: keyMessages.ts.

import { z } from 'zod';
import { fromBase64Url } from './bytes.ts';
import { isErrorCode } from './errors.ts';
import type { ErrorCode } from './errors.ts';
import {
  departureCauses,
  endReasons,
  mediaKinds,
  meetingKinds,
  readmissionReasons,
  roles,
  sources,
  triggers,
} from './names.ts';
import { limits } from './timers.ts';

const bytes = (low: number, high = low) =>
  z.string().refine(
    (text) => {
      const decoded = text.length > high * 2 ? null : fromBase64Url(text);
      return decoded !== null && decoded.length >= low && decoded.length <= high;
    },
    { message: `base64url of ${low === high ? low : `${low} to ${high}`} bytes` },
  );

const identifier = z.string().min(1).max(64);
const epoch = z
  .int()
  .min(0)
  .max(2 ** 32 - 1);
const stream = z.int().min(0).max(15);
const lease = z
  .int()
  .min(1)
  .max(2 ** 32 - 1);
const name = z.string().min(1).max(limits.nameLength);

/** mediasoup's own structures: checked deeply by mediasoup itself, here only for shape and size. */
const rtp = z.record(z.string(), z.unknown());

const fingerprint = z.strictObject({ algorithm: z.string().max(16), value: z.string().max(256) });

const dtlsParameters = z.strictObject({
  role: z.enum(['auto', 'client', 'server']).optional(),
  fingerprints: z.array(fingerprint).min(1).max(8),
});

const iceParameters = z.looseObject({
  usernameFragment: z.string(),
  password: z.string(),
  iceLite: z.boolean().optional(),
});
const iceCandidate = z.looseObject({ ip: z.string(), port: z.number(), protocol: z.enum(['udp', 'tcp']) });

const transport = z.object({
  id: identifier,
  iceParameters,
  iceCandidates: z.array(iceCandidate),
  dtlsParameters,
  /** Ed25519 over `transportSignatureInput`. */
  signature: bytes(64),
});

const producer = z.object({
  producerId: identifier,
  participantId: identifier,
  kind: z.enum(mediaKinds),
  source: z.enum(sources),
  /** Whose frames these must be: the origin that receivers check. */
  lease,
  stream,
  paused: z.boolean(),
});

const participant = z.object({ participantId: identifier, name, role: z.enum(roles) });

const empty = z.strictObject({});

const epochAndFingerprint = z.strictObject({ epoch, fingerprint: bytes(16) });
const identifiers = z.array(identifier).max(1_024);

/** method → what is asked and what is answered. */
export const requests = {
  /** A connection begins with `join`, or with `challenge` and `resume`. */
  join: {
    ask: z.strictObject({
      protocol: z.int(),
      token: z.string().max(4_096),
      /** Where given, a token for any other meeting is refused. */
      meeting: identifier.optional(),
      publicKey: bytes(32),
      /** Ed25519 over `joinSignatureInput`, where the token has `cnf`. */
      signature: bytes(64).optional(),
      /** The client seals and opens encoded frames itself. */
      encodedTransforms: z.boolean(),
    }),
    answer: z.object({
      protocol: z.int(),
      keying: z.literal('server'),
      meeting: z.object({ id: identifier, kind: z.enum(meetingKinds), name: name.optional() }),
      participantId: identifier,
      name,
      role: z.enum(roles),
      /** `Admission` of keyMessages.ts. */
      admission: bytes(1, 1_024),
      routerRtpCapabilities: rtp,
      participants: z.array(participant),
      producers: z.array(producer),
      timers: z.object({ receiverGraceMs: z.number(), epochLifeMs: z.number(), resumeWindowMs: z.number() }),
    }),
  },
  /** For one `resume` on this connection. */
  challenge: { ask: empty, answer: z.object({ challenge: bytes(32) }) },
  /** The same participant goes on over this connection; the one before is ended. */
  resume: {
    ask: z.strictObject({
      protocol: z.int(),
      meeting: identifier,
      participantId: identifier,
      /** KDF(resume secret, `resumeProofInput`), of each admission that the participant holds: while it is admitted anew, two. */
      proofs: z
        .array(z.strictObject({ lease, proof: bytes(32) }))
        .min(1)
        .max(2),
      /** The newest epoch that is installed; null before the first. */
      acknowledged: epochAndFingerprint.nullable(),
      /** The epoch under which this participant seals; null before the first. */
      confirmed: epoch.nullable(),
      /** What this participant knows that it has: the server closes what else there is. */
      producers: identifiers,
      consumers: identifiers,
    }),
    answer: z.object({
      participants: z.array(participant),
      producers: z.array(producer),
      /** What of its own the participant named and the server does not have any more. */
      gone: z.object({ producers: z.array(identifier), consumers: z.array(identifier) }),
    }),
  },
  /** After a `readmit` notice: a new ephemeral key for a new admission; nothing else changes until its welcome comes. */
  readmit: {
    ask: z.strictObject({ publicKey: bytes(32) }),
    answer: z.object({ admission: bytes(1, 1_024) }),
  },
  /** Makes both transports (viewers get none for sending). */
  openMedia: {
    ask: z.strictObject({ rtpCapabilities: rtp }),
    answer: z.object({ send: transport.nullable(), receive: transport }),
  },
  connectTransport: {
    ask: z.strictObject({ transportId: identifier, dtlsParameters }),
    answer: empty,
  },
  produce: {
    ask: z.strictObject({
      transportId: identifier,
      kind: z.enum(mediaKinds),
      source: z.enum(sources),
      rtpParameters: rtp,
      paused: z.boolean(),
      /** Which of the sender's streams: part of every KID; one producer at a time, its counters go on where they stopped. */
      stream,
    }),
    answer: z.object({ producerId: identifier }),
  },
  closeProducer: { ask: z.strictObject({ producerId: identifier }), answer: empty },
  setProducerPaused: { ask: z.strictObject({ producerId: identifier, paused: z.boolean() }), answer: empty },
  /** The consumer starts paused: resume it once the client has its receiver and transform. */
  consume: {
    ask: z.strictObject({ producerId: identifier }),
    answer: z.object({
      consumerId: identifier,
      producerId: identifier,
      kind: z.enum(mediaKinds),
      rtpParameters: rtp,
      lease,
      stream,
      producerPaused: z.boolean(),
    }),
  },
  resumeConsumer: { ask: z.strictObject({ consumerId: identifier }), answer: empty },
  closeConsumer: { ask: z.strictObject({ consumerId: identifier }), answer: empty },
  /** After frames could be opened again. */
  requestKeyFrame: { ask: z.strictObject({ consumerId: identifier }), answer: empty },
  setPreferredLayers: {
    ask: z.strictObject({ consumerId: identifier, spatialLayer: z.int().min(0).max(7) }),
    answer: empty,
  },
  leave: { ask: empty, answer: empty },
} as const;

export type Method = keyof typeof requests;
export type Ask<M extends Method> = z.infer<(typeof requests)[M]['ask']>;
export type Answer<M extends Method> = z.infer<(typeof requests)[M]['answer']>;

/** What a client tells without waiting for an answer. */
export const clientNotices = {
  /** The epoch's key is installed where frames are sealed and opened. */
  acknowledged: z.strictObject({ epoch, fingerprint: bytes(16) }),
  /** Every stream of this sender now seals under this epoch. */
  confirmed: z.strictObject({ epoch }),
} as const;

export type ClientNotice = keyof typeof clientNotices;

/** What the server tells. */
export const serverNotices = {
  /** Senders use this epoch from now on. */
  activated: z.object({ epoch, fingerprint: bytes(16), trigger: z.enum(triggers) }),
  /** This participant is to be admitted anew, with `readmit`, over this connection. */
  readmit: z.object({ reason: z.enum(readmissionReasons) }),
  /** From this epoch on these participants' frames carry these leases; before the key message of that epoch. */
  leases: z.object({ epoch, leases: z.array(z.object({ participantId: identifier, lease })) }),
  participantJoined: participant,
  participantLeft: z.object({ participantId: identifier, cause: z.enum(departureCauses) }),
  producerAdded: producer,
  producerChanged: z.object({ producerId: identifier, participantId: identifier, paused: z.boolean() }),
  producerRemoved: z.object({ producerId: identifier, participantId: identifier }),
  /** Loudest first. */
  speakers: z.object({ participantIds: z.array(identifier) }),
  /** The server paused or resumed this sender's producers: it had not confirmed the active epoch. */
  sendingPaused: z.object({ paused: z.boolean(), epoch }),
  /** The last message before the socket closes. */
  ended: z.object({ reason: z.enum(endReasons), code: z.custom<ErrorCode>(isErrorCode).optional() }),
} as const;

export type ServerNotice = keyof typeof serverNotices;
export type NoticeData<N extends ServerNotice> = z.infer<(typeof serverNotices)[N]>;
export type ClientNoticeData<N extends ClientNotice> = z.infer<(typeof clientNotices)[N]>;

export type Transport = z.infer<typeof transport>;
export type Producer = z.infer<typeof producer>;
export type Participant = z.infer<typeof participant>;

const requestEnvelope = z.strictObject({
  id: z
    .int()
    .min(1)
    .max(2 ** 31),
  method: z.string().max(64),
  data: z.unknown(),
});
const noticeEnvelope = z.strictObject({ notice: z.string().max(64), data: z.unknown() });
/** What a client may send. */
export const clientEnvelope = z.union([requestEnvelope, noticeEnvelope]);

const errorBody = z.object({
  code: z.custom<ErrorCode>(isErrorCode),
  message: z.string(),
});
/** What a server may send. */
export const serverEnvelope = z.union([
  z.object({ id: z.int(), ok: z.literal(true), data: z.unknown() }),
  z.object({ id: z.int().nullable(), ok: z.literal(false), error: errorBody }),
  z.object({ notice: z.string(), data: z.unknown() }),
]);
export type ServerEnvelope = z.infer<typeof serverEnvelope>;

export const isMethod = (text: string): text is Method => Object.hasOwn(requests, text);
export const isClientNotice = (text: string): text is ClientNotice => Object.hasOwn(clientNotices, text);
export const isServerNotice = (text: string): text is ServerNotice => Object.hasOwn(serverNotices, text);
