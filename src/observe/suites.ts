// What clients say of their hops, as labels: text of peers, so that whatever is not known here is `other`.
// Names: RFC 5764 §4.1.2 and RFC 7714 §14.2 without `SRTP_`, which Firefox writes and Chromium does not; IANA's TLS cipher suites;
// versions as RTCTransportStats gives them, four hexadecimal digits of the record layer.

import type { ClientNoticeData } from '../protocol/signaling.ts';

export type ReportedHop = NonNullable<ClientNoticeData<'report'>['hop']>;

export const srtpSuites = [
  'AEAD_AES_256_GCM',
  'AEAD_AES_128_GCM',
  'AES128_CM_HMAC_SHA1_80',
  'AES128_CM_HMAC_SHA1_32',
] as const;

export const dtlsSuites = [
  'TLS_AES_256_GCM_SHA384',
  'TLS_AES_128_GCM_SHA256',
  'TLS_CHACHA20_POLY1305_SHA256',
  'TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384',
  'TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256',
  'TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256',
  'TLS_ECDHE_ECDSA_WITH_AES_256_CBC_SHA',
  'TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA',
  'TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384',
  'TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256',
  'TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256',
  'TLS_ECDHE_RSA_WITH_AES_256_CBC_SHA',
  'TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA',
] as const;

/** RFC 9147 §5.3: versions of DTLS are the ones' complement of what they are called. */
const dtlsVersions: ReadonlyMap<string, string> = new Map([
  ['FEFF', '1.0'],
  ['FEFD', '1.2'],
  ['FEFC', '1.3'],
]);

const other = 'other';
const unreported = 'unreported';

/** The same suite under the names that browsers' libraries have for it. */
const plainSrtp = (reported: string): string =>
  reported
    .toUpperCase()
    .replace(/^SRTP_/, '')
    .replace(/^AES_CM_128_/, 'AES128_CM_');

const known = (names: readonly string[], name: string): string => (names.includes(name) ? name : other);

const labels: Readonly<Record<keyof ReportedHop, (reported: string) => string>> = {
  srtpCipher: (reported) => known(srtpSuites, plainSrtp(reported)),
  dtlsCipher: (reported) => known(dtlsSuites, reported.toUpperCase()),
  tlsVersion: (reported) => dtlsVersions.get(reported.toUpperCase()) ?? other,
};

/** The label of what a client reported; null: it could not say. */
export const suiteLabel = (field: keyof ReportedHop, reported: string | null): string =>
  reported === null ? unreported : labels[field](reported);
