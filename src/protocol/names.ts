// The numbers and words that everybody shares: branded so that none is taken for another, made only by checking constructors.

export const protocolVersion = 1;

/** 32 bits: a meeting that rekeyed every 250 ms would reach the last epoch after 34 years. */
export type EpochId = number & { readonly __brand: 'EpochId' };
/** The sender number of an admission: 1 … 2³²−1, never given twice in one incarnation. */
export type Lease = number & { readonly __brand: 'Lease' };
/** Which of a participant's streams: 0 … 15. */
export type StreamId = number & { readonly __brand: 'StreamId' };

export const maxUint32 = 2 ** 32 - 1;
export const maxStreams = 16;

const assertWithin = (name: string, value: number, low: number, high: number): void => {
  if (!Number.isInteger(value) || value < low || value > high) {
    throw new RangeError(`${name} expected ${low} … ${high}, got ${value}`);
  }
};

export const epochId = (value: number): EpochId => {
  assertWithin('epoch', value, 0, maxUint32);
  return value as EpochId;
};

export const lease = (value: number): Lease => {
  assertWithin('lease', value, 1, maxUint32);
  return value as Lease;
};

export const streamId = (value: number): StreamId => {
  assertWithin('stream', value, 0, maxStreams - 1);
  return value as StreamId;
};

export const meetingKinds = ['interactive', 'broadcast'] as const;
export type MeetingKind = (typeof meetingKinds)[number];

/** Index = the byte that stands for the role in an admission. */
export const roles = ['host', 'presenter', 'viewer'] as const;
export type Role = (typeof roles)[number];

export const mayProduce = (role: Role): boolean => role !== 'viewer';

/** Index = the byte that stands for the trigger in a rekey message. */
export const triggers = [
  'join',
  'departure',
  'joinAndDeparture',
  'interval',
  'operator',
  'readmission',
  'renewal',
  'compromise',
  'restart',
] as const;
export type Trigger = (typeof triggers)[number];

/** Which joins make a new epoch: each · the first after a rekey, whose epoch those of the next `freshForMs` share · none. */
export const joinPolicies = ['every', 'first', 'never'] as const;
export type JoinPolicy = (typeof joinPolicies)[number];

/** Why a participant is asked to be admitted anew over its open connection. */
export const readmissionReasons = ['lagging', 'renewal', 'compromise', 'restart'] as const;
export type ReadmissionReason = (typeof readmissionReasons)[number];

export const departureCauses = ['left', 'evicted', 'lost', 'ended'] as const;
export type DepartureCause = (typeof departureCauses)[number];

/** Why the server ends a connection, told in its last message. */
export const endReasons = [
  'left',
  'meetingEnded',
  'evicted',
  'superseded',
  'serverStopping',
  'protocolError',
  'tooSlow',
  'failed',
] as const;
export type EndReason = (typeof endReasons)[number];

/** Why somebody waits before the door: until a host lets it in; until the meeting goes live. */
export const waitingReasons = ['lobby', 'backstage'] as const;
export type WaitingReason = (typeof waitingReasons)[number];

/** Why a client dropped what it was to open or to send. */
export const droppedReasons = [
  'missingKey',
  'badTag',
  'replayed',
  'staleEpoch',
  'foreignOrigin',
  'malformed',
  'unsealed',
] as const;
export type DroppedReason = (typeof droppedReasons)[number];

export const sources = ['microphone', 'camera', 'screen', 'screenAudio'] as const;
export type Source = (typeof sources)[number];

export const mediaKinds = ['audio', 'video'] as const;
export type MediaKind = (typeof mediaKinds)[number];

/** The lengths, in bytes, that the formats fix. */
export const lengths = {
  key: 32,
  tag: 16,
  incarnation: 16,
  fingerprint: 16,
  publicKey: 32,
  encapsulated: 32,
  signature: 64,
  /** SHA-256: of the epochs' chain, of a ledger's line, of a rekey's body. */
  hash: 32,
  challenge: 32,
  proof: 32,
} as const;
