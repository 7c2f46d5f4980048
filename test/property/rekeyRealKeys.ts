// A world's keys as bytes: 32 random ones each, derived by HMAC-SHA-512 and sealed by AES-256-GCM of node:crypto, as keyStore.ts says.

import { createCipheriv, createDecipheriv, randomFillSync } from 'node:crypto';
import { nodeCrypto } from '../../src/client/session/nodeCrypto.ts';
import { deriveByNode } from '../../src/client/session/nodeMemberKeys.ts';
import { sealInfo, stepInfo, storyInfo } from '../../src/keys/keyStore.ts';
import type { SealingKeys } from '../../src/keys/keyStore.ts';
import { toHex } from '../../src/protocol/bytes.ts';
import { lengths } from '../../src/protocol/names.ts';
import { deriveEpochKeySync } from '../../src/sframe/epochKeys.ts';
import { sha256 } from './rekeySuites.ts';
import type { CustodianKeys, Suite, SyncOpeningKeys } from './rekeySuites.ts';

const nonce = Buffer.alloc(12);
const options = { authTagLength: lengths.tag };

class RealSealingKeys implements SealingKeys<Uint8Array> {
  readonly live = new Set<Uint8Array>();

  mint(): Uint8Array {
    const key = new Uint8Array(lengths.key);
    this.renew(key);
    this.live.add(key);
    return key;
  }

  renew(key: Uint8Array): void {
    randomFillSync(key);
  }

  step(key: Uint8Array): void {
    key.set(deriveByNode(key, stepInfo));
  }

  wipe(key: Uint8Array): void {
    key.fill(0);
    this.live.delete(key);
  }

  seal: SealingKeys<Uint8Array>['seal'] = (under, use, aad, secrets) => {
    const cipher = createCipheriv('aes-256-gcm', deriveByNode(under, sealInfo(use)), nonce, options);
    cipher.setAAD(aad);
    const sealed = secrets.map((secret) => cipher.update(secret));
    cipher.final();
    return new Uint8Array(Buffer.concat([...sealed, cipher.getAuthTag()]));
  };

  fingerprint: SealingKeys<Uint8Array>['fingerprint'] = (session, chain, incarnation, epoch) =>
    deriveEpochKeySync(nodeCrypto, { secret: deriveByNode(session, storyInfo(chain)), incarnation, epoch })
      .fingerprint;

  hash(bytes: Uint8Array): Uint8Array {
    return sha256(bytes);
  }
}

const opening: SyncOpeningKeys<Uint8Array> = {
  step: (key) => {
    const next = deriveByNode(key, stepInfo);
    key.fill(0);
    return next;
  },
  wipe: (key) => void key.fill(0),
  open: (under, use, aad, sealed) => {
    const end = sealed.length - lengths.tag;
    const decipher = createDecipheriv('aes-256-gcm', deriveByNode(under, sealInfo(use)), nonce, options);
    decipher.setAAD(aad).setAuthTag(sealed.subarray(end));
    const opened = decipher.update(sealed.subarray(0, end));
    try {
      decipher.final();
    } catch {
      // The tag did not verify: Node gives that no code.
      return null;
    }
    return Array.from(
      { length: opened.length / lengths.key },
      (_, index) => new Uint8Array(opened.subarray(index * lengths.key, (index + 1) * lengths.key)),
    );
  },
};

export const realSuite = (): Suite<Uint8Array, Buffer, Buffer> => {
  const newCustodian = (): CustodianKeys<Uint8Array> => {
    const sealing = new RealSealingKeys();
    return { sealing, held: () => sealing.live.size, stolen: () => [] };
  };
  return {
    newCustodian,
    opening,
    copy: (key) => key.slice(),
    frames: nodeCrypto,
    epochKey: (session, { incarnation, epoch, chain }) => {
      const secret = deriveByNode(session, storyInfo(chain));
      session.fill(0);
      return deriveEpochKeySync(nodeCrypto, { secret, incarnation, epoch });
    },
    nameOf: toHex,
    symbols: null,
  };
};
