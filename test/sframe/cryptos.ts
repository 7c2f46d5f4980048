// The cryptography that the tests run over: both real implementations behind one asynchronous face, and symbols that record what was sealed.

import { webcrypto } from 'node:crypto';
import { createWebCrypto } from '../../src/client/browser/webCrypto.ts';
import { nodeCrypto } from '../../src/client/session/nodeCrypto.ts';
import type { AsyncCrypto, SyncCrypto } from '../../src/sframe/crypto.ts';
import { toHex } from '../../src/protocol/bytes.ts';

export const webCrypto = createWebCrypto(webcrypto.subtle);

/** node:crypto behind the asynchronous interface. */
export const nodeCryptoAsync: AsyncCrypto<Buffer, Buffer> = {
  importSecret: async (bytes) => nodeCrypto.importSecret(bytes),
  deriveBytes: async (secret, derivation) => nodeCrypto.deriveBytes(secret, derivation),
  deriveSecret: async (secret, derivation) => nodeCrypto.deriveSecret(secret, derivation),
  deriveKey: async (secret, derivation) => nodeCrypto.deriveKey(secret, derivation),
  seal: async (...call) => nodeCrypto.seal(...call),
  open: async (...call) => nodeCrypto.open(...call),
};

/** Secrets and keys are their own names; `sealed` lists (key, nonce) of every frame. The salt is zero, so the nonce is the counter. */
export class SymbolicCrypto implements SyncCrypto<string, string> {
  readonly sealed: string[] = [];
  readonly wiped: string[] = [];
  derivedKeys = 0;

  importSecret(bytes: Uint8Array): string {
    return toHex(bytes);
  }

  deriveBytes(_secret: string, { length }: { length: number }): Uint8Array {
    return new Uint8Array(length);
  }

  deriveSecret(secret: string, { info }: { info: Uint8Array }): string {
    return `${secret}/${toHex(info)}`;
  }

  deriveKey(secret: string, { info }: { info: Uint8Array }): string {
    this.derivedKeys++;
    return `${secret}/${toHex(info)}`;
  }

  seal(key: string, nonce: Uint8Array, _aad: Uint8Array, plaintext: Uint8Array, out: Uint8Array): void {
    this.sealed.push(`${key}#${toHex(nonce)}`);
    out.set(plaintext);
  }

  open(_key: string, _nonce: Uint8Array, _aad: Uint8Array, sealed: Uint8Array, out: Uint8Array): boolean {
    out.set(sealed.subarray(0, out.length));
    return true;
  }

  wipe(handle: string): void {
    this.wiped.push(handle);
  }
}
