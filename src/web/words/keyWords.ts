// The key panel's sentences.

import type { MeetingStats } from '../../client/browser/api.ts';
import type { Trigger } from '../../protocol/names.ts';

/** One place for the claim that must never be forgotten. */
export const operatorSentence = 'Whoever runs this server could decrypt.';

export const triggerWords: Record<Trigger, string> = {
  join: 'somebody joined',
  departure: 'somebody left',
  joinAndDeparture: 'people joined and left',
  interval: 'its time had passed',
  operator: 'whoever runs this server asked for it',
  readmission: 'somebody had fallen behind',
  renewal: 'everybody got new keys, as they do from time to time',
  compromise: 'everybody got new keys, since some may have been stolen',
  restart: 'the part of the server that holds keys was restarted',
};

/** Words for a trigger, also for one that a newer server names. */
export const wordsForTrigger = (trigger: string): string =>
  Object.hasOwn(triggerWords, trigger) ? triggerWords[trigger as Trigger] : 'the server renewed it';

/** `8f2c 91aa …`: groups of four, so that two people can read it to each other. */
export const fingerprintGroups = (fingerprint: string): string[] => fingerprint.match(/.{1,4}/g) ?? [];

const units = [
  { name: 'hour', ms: 3_600_000 },
  { name: 'minute', ms: 60_000 },
  { name: 'second', ms: 1_000 },
] as const;

export const since = (ms: number): string => {
  for (const { name, ms: unit } of units) {
    const count = Math.floor(ms / unit);
    if (count > 0) return `${count} ${name}${count === 1 ? '' : 's'} ago`;
  }
  return 'just now';
};

/** IANA and browser names of SRTP protection profiles (RFC 7714 §14.2, RFC 5764 §4.1.2) as people write them. */
const srtpNames: Record<string, string> = {
  AEAD_AES_256_GCM: 'AES-256-GCM',
  SRTP_AEAD_AES_256_GCM: 'AES-256-GCM',
  AEAD_AES_128_GCM: 'AES-128-GCM',
  SRTP_AEAD_AES_128_GCM: 'AES-128-GCM',
  AES_CM_128_HMAC_SHA1_80: 'AES-128-CM, HMAC-SHA1-80',
  SRTP_AES128_CM_SHA1_80: 'AES-128-CM, HMAC-SHA1-80',
};

export const cipherName = (srtpCipher: string): string => srtpNames[srtpCipher] ?? srtpCipher;

/** RTCTransportStats.tlsVersion: DTLS counts downwards (RFC 9147 §5.3: FEFC is 1.3, FEFD 1.2). */
export const dtlsName = (tlsVersion: string): string =>
  ({ FEFD: 'DTLS 1.2', FEFC: 'DTLS 1.3' })[tlsVersion.toUpperCase()] ?? `DTLS ${tlsVersion}`;

/** Why a frame was dropped: the SDK's counters. */
export const dropWords: Readonly<Record<DropCount, string>> = {
  missingKey: 'key not held',
  badTag: 'did not verify',
  replayed: 'seen before',
  staleEpoch: 'epoch too old',
  foreignOrigin: 'from somebody else',
  malformed: 'not a sealed frame',
  unsealed: 'not sent: no key',
};
export type DropCount = Exclude<keyof MeetingStats['frames'], 'sealed' | 'opened'>;
