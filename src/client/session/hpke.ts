// The participant's half of an admission: an ephemeral X25519 key pair, and the HPKE context (RFC 9180, base mode) that the custodian
// opened to it, used for its two exports alone.

import { Aes256Gcm, CipherSuite, DhkemX25519HkdfSha256, HkdfSha256 } from '@hpke/core';
import { encodeUtf8 } from '../../protocol/bytes.ts';
import { LatchkeyError } from '../../protocol/errors.ts';
import { admissionExports } from '../../protocol/keyMessages.ts';
import { lengths } from '../../protocol/names.ts';
import type { AdmissionRecipient } from './agentCrypto.ts';

const suite = new CipherSuite({
  kem: new DhkemX25519HkdfSha256(),
  kdf: new HkdfSha256(),
  aead: new Aes256Gcm(),
});

const buffer = (bytes: Uint8Array): ArrayBuffer => new Uint8Array(bytes).buffer;

/** The private key goes with the recipient: it is a CryptoKey, which nothing but dropping it can wipe. */
export const newAdmissionRecipient = async (): Promise<AdmissionRecipient> => {
  const pair = await suite.kem.generateKeyPair();
  return {
    publicKey: new Uint8Array(await suite.kem.serializePublicKey(pair.publicKey)),
    async open(enc, info) {
      try {
        const context = await suite.createRecipientContext({
          recipientKey: pair.privateKey,
          enc: buffer(enc),
          info: buffer(info),
        });
        const exported = async (label: string): Promise<Uint8Array> =>
          new Uint8Array(await context.export(buffer(encodeUtf8(label)), lengths.key));
        return {
          admissionKey: await exported(admissionExports.admissionKey),
          resumeSecret: await exported(admissionExports.resumeSecret),
        };
      } catch (cause) {
        throw new LatchkeyError('key_message_unopened', 'the admission could not be opened', { cause });
      }
    },
  };
};
