// The AEAD cipher suites of RFC 9605 §4.5 that are spoken here; AES-CTR with HMAC (1 … 3) is not. Names and values: IANA's
// registry "SFrame Cipher Suites".

export const cipherSuites = {
  AES_128_GCM_SHA256_128: { id: 4, hash: 'SHA-256', keyBytes: 16, nonceBytes: 12, tagBytes: 16 },
  AES_256_GCM_SHA512_128: { id: 5, hash: 'SHA-512', keyBytes: 32, nonceBytes: 12, tagBytes: 16 },
} as const;

export type CipherSuite = (typeof cipherSuites)[keyof typeof cipherSuites];

/** The one suite of Latchkey's frames. */
export const frameSuite = cipherSuites.AES_256_GCM_SHA512_128;
