// One HPKE context to a participant (RFC 9180, base mode): nothing is sealed with it, both ends export two secrets and forget it.

import { Aes256Gcm, CipherSuite, DhkemX25519HkdfSha256, HkdfSha256 } from '@hpke/core';
import { LatchkeyError } from '../protocol/errors.ts';
import { admissionExports, encodeAdmissionTerms } from '../protocol/keyMessages.ts';
import type { AdmissionTerms } from '../protocol/keyMessages.ts';
import { encodeUtf8 } from '../protocol/bytes.ts';
import { lengths } from '../protocol/names.ts';

export const admissionSuite = new CipherSuite({
  kem: new DhkemX25519HkdfSha256(),
  kdf: new HkdfSha256(),
  aead: new Aes256Gcm(),
});

/** The caller owns and wipes `admissionKey`; the context's own copies are the garbage collector's. */
export const openAdmission = async (
  terms: AdmissionTerms,
): Promise<{ enc: Uint8Array; admissionKey: Uint8Array; resumeSecret: Uint8Array }> => {
  const context = await toPeer(terms);
  const exported = async (label: string): Promise<Uint8Array> =>
    new Uint8Array(await context.export(encodeUtf8(label), lengths.key));
  return {
    enc: new Uint8Array(context.enc),
    admissionKey: await exported(admissionExports.admissionKey),
    resumeSecret: await exported(admissionExports.resumeSecret),
  };
};

/** RFC 9180 §7.1.4: a key of small order would make the secret known; WebCrypto refuses it. */
const toPeer = async (terms: AdmissionTerms) => {
  try {
    const recipientPublicKey = await admissionSuite.kem.deserializePublicKey(terms.publicKey);
    return await admissionSuite.createSenderContext({
      recipientPublicKey,
      info: encodeAdmissionTerms(terms),
    });
  } catch {
    throw new LatchkeyError('public_key_invalid');
  }
};
