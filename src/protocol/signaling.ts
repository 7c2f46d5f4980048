// The JSON messages of a participant's WebSocket: requests (answered once), notices (never answered). Server, client and
// tests validate with these same schemas. Binary messages are the custodian's: keyMessages.ts.

import { z } from 'zod';
import { fromBase64Url } from './bytes.ts';
import { isErrorCode } from './errors.ts';
import type { ErrorCode } from './errors.ts';
import {
  departureCauses,
  droppedReasons,
  endReasons,
  mediaKinds,
  meetingKinds,
  readmissionReasons,
  roles,
  sources,
  triggers,
  waitingReasons,
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

const participant = z.object({
  participantId: identifier,
  name,
  role: z.enum(roles),
  /** Raised hands in the order in which they were raised: the first has the lowest number. Null: not raised. */
  hand: z.int().min(1).nullable(),
});

/** Who may come in, and whether the audience is. */
const door = z.object({
  /** Nobody but hosts comes in any more. */
  locked: z.boolean(),
  /** Whoever is no host waits until one lets it in. */
  lobby: z.boolean(),
  /** False: backstage. Viewers wait until the meeting goes live. */
  live: z.boolean(),
});

/** One that waits before the door. */
const guest = z.object({ waitingId: identifier, name, role: z.enum(roles), reason: z.enum(waitingReasons) });

/** For `RTCPeerConnection`; credentials live for a limited time. */
const iceServer = z.object({
  urls: z.array(z.string().max(512)).max(16),
  username: z.string().max(256).optional(),
  credential: z.string().max(256).optional(),
});
const iceServers = z.array(iceServer).max(16);

const count = z.int().min(0);

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
      door,
      participantId: identifier,
      name,
      role: z.enum(roles),
      /** `Admission` of keyMessages.ts. */
      admission: bytes(1, 1_024),
      routerRtpCapabilities: rtp,
      iceServers,
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
      door,
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
  /** Makes both transports (viewers get none for sending). Asked again after a change of role, or after `mediaLost`, it makes what is missing. */
  openMedia: {
    ask: z.strictObject({ rtpCapabilities: rtp }),
    answer: z.object({ send: transport.nullable(), receive: transport }),
  },
  connectTransport: {
    ask: z.strictObject({ transportId: identifier, dtlsParameters }),
    answer: empty,
  },
  /** After a change of network. */
  restartIce: {
    ask: z.strictObject({ transportId: identifier }),
    answer: z.object({ iceParameters, iceServers }),
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
  /** Nothing of it is forwarded until it is resumed. */
  pauseConsumer: { ask: z.strictObject({ consumerId: identifier }), answer: empty },
  closeConsumer: { ask: z.strictObject({ consumerId: identifier }), answer: empty },
  /** After frames could be opened again. */
  requestKeyFrame: { ask: z.strictObject({ consumerId: identifier }), answer: empty },
  setPreferredLayers: {
    ask: z.strictObject({ consumerId: identifier, spatialLayer: z.int().min(0).max(7) }),
    answer: empty,
  },
  raiseHand: { ask: z.strictObject({ raised: z.boolean() }), answer: empty },
  /** Hosts raise somebody to the stage, lower them to the audience, or make them hosts; anybody may step down. */
  setRole: { ask: z.strictObject({ participantId: identifier, role: z.enum(roles) }), answer: empty },
  /** Hosts: mutes somebody's microphone; without `participantId`, that of everybody who is no host. Who is muted may unmute. */
  mute: { ask: z.strictObject({ participantId: identifier.optional() }), answer: empty },
  /** Hosts: ends what somebody shares of a screen. */
  stopShare: { ask: z.strictObject({ participantId: identifier }), answer: empty },
  /** Hosts: changes what is given. */
  setDoor: { ask: z.strictObject(door.partial().shape), answer: empty },
  /** Hosts: lets those in who wait; without `waitingIds`, all of them. */
  admit: {
    ask: z.strictObject({ waitingIds: identifiers.optional() }),
    answer: z.object({ admitted: count }),
  },
  /** Hosts: sends them away. */
  turnAway: { ask: z.strictObject({ waitingIds: identifiers }), answer: z.object({ turnedAway: count }) },
  /** Hosts: as the operator's eviction. */
  remove: { ask: z.strictObject({ participantId: identifier }), answer: empty },
  /** Hosts: ends the meeting for everybody. */
  endMeeting: { ask: empty, answer: empty },
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
  /** For the operator's metrics; at most one in `reportMs` is looked at. */
  report: z.strictObject({
    /** As RTCTransportStats names them. */
    hop: z
      .strictObject({
        srtpCipher: z.string().max(64),
        dtlsCipher: z.string().max(64).nullable(),
        tlsVersion: z.string().max(16).nullable(),
      })
      .optional(),
    /** Frames that were dropped since the last report, by why. */
    dropped: z.partialRecord(z.enum(droppedReasons), count.max(1_000_000)).optional(),
    /** Milliseconds from the first message of this participant to the first frame of somebody else that it opened; once. */
    firstFrameMs: z.number().min(0).max(3_600_000).optional(),
  }),
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
  /**
   * What changed of who is here and what they send, this participant included; `full`: what it does not name is not here. At most
   * `rosterDeltasPerSecond`; a change and its opposite between two of them are not told.
   */
  roster: z.object({
    full: z.boolean(),
    /** Came, or changed. */
    participants: z.array(participant),
    /** Their transports are already cut; what they sent went with them. */
    left: z.array(z.object({ participantId: identifier, cause: z.enum(departureCauses) })),
    /** Added, or changed. */
    producers: z.array(producer),
    removed: z.array(z.object({ producerId: identifier })),
  }),
  door,
  /** Before the answer to `join`, and again every `pingMs`: the answer comes when a host lets this participant in, or the meeting goes live. */
  waiting: z.object({ reason: z.enum(waitingReasons) }),
  /** To hosts: who waits before the door; of many, the first. */
  guests: z.object({ count, guests: z.array(guest) }),
  /** A host muted these producers of this participant, which may unmute them. */
  muted: z.object({ producerIds: z.array(identifier) }),
  /** What of this producer anybody looks at: its highest spatial layer; null: nobody does, and nothing need be sent. */
  wanted: z.object({ producerId: identifier, spatialLayer: z.int().min(0).max(7).nullable() }),
  /**
   * The worker of this participant's transports is gone, and all that was on it. It is told at once, before a roster tells that its producers are
   * gone, and again, `ready`, when there is another: ask `openMedia` then.
   */
  mediaLost: z.object({ ready: z.boolean() }),
  /** They went with a worker; their producers are still there and may be consumed again. */
  consumersLost: z.object({
    consumers: z.array(z.object({ consumerId: identifier, producerId: identifier })),
  }),
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
export type Door = z.infer<typeof door>;
export type Guest = z.infer<typeof guest>;
export type IceServer = z.infer<typeof iceServer>;

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
  /** `busy`: when it may be asked again. */
  retryAfterMs: z.int().min(0).optional(),
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
