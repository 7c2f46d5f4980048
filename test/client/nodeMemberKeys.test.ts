import assert from 'node:assert/strict';
import { createCipheriv, generateKeyPairSync, randomBytes, sign } from 'node:crypto';
import { describe, it } from 'node:test';
import { createMemberKeys, deriveBySubtle } from '../../src/client/session/memberKeys.ts';
import { createNodeAgentCrypto, createVerify } from '../../src/client/session/nodeAgentCrypto.ts';
import { composeCrypto } from '../../src/client/session/composeCrypto.ts';
import { createNodeMemberKeys, deriveByNode } from '../../src/client/session/nodeMemberKeys.ts';
import { createSharedVerify } from '../../src/client/session/sharedVerify.ts';
import { encodeUtf8 } from '../../src/protocol/bytes.ts';
import { sealInfo } from '../../src/keys/keyStore.ts';
import type { SealUse } from '../../src/keys/keyStore.ts';

const bytes = (length: number): Uint8Array => new Uint8Array(randomBytes(length));
const use: SealUse = { incarnation: bytes(16), epoch: 7, level: 2, index: 3, purpose: 'node' };

/** As the custodian seals (keys/keyStore.ts). */
const seal = (under: Uint8Array, aad: Uint8Array, secrets: Uint8Array): Uint8Array => {
  const cipher = createCipheriv('aes-256-gcm', deriveByNode(under, sealInfo(use)), Buffer.alloc(12));
  cipher.setAAD(aad);
  return new Uint8Array(Buffer.concat([cipher.update(secrets), cipher.final(), cipher.getAuthTag()]));
};

describe("node:crypto's key tree", () => {
  const node = createNodeMemberKeys();
  const subtle = createMemberKeys();

  it('derives, steps and binds what WebCrypto does, and overwrites what it was given', async () => {
    const [key, chain] = [bytes(32), bytes(32)];
    assert.deepEqual(deriveByNode(key, chain), new Uint8Array(await deriveBySubtle(key, chain)));
    for (const call of ['step', 'bind'] as const) {
      const [mine, theirs] = [key.slice(), key.slice()];
      assert.deepEqual(await node[call](mine, chain), new Uint8Array(await subtle[call](theirs, chain)));
      assert.deepEqual([mine, theirs], [new Uint8Array(32), new Uint8Array(32)]);
    }
  });

  it('opens what WebCrypto opens, and nothing else', async () => {
    const [under, aad, secrets] = [bytes(32), bytes(40), bytes(96)];
    const sealed = seal(under, aad, secrets);
    const expected = [0, 32, 64].map((at) => secrets.slice(at, at + 32));
    assert.deepEqual(await node.open(under, use, aad, sealed), expected);
    assert.deepEqual(await subtle.open(under, use, aad, sealed), expected);
    const wrong: [Uint8Array, SealUse, Uint8Array, Uint8Array][] = [
      [bytes(32), use, aad, sealed],
      [under, { ...use, index: 4 }, aad, sealed],
      [under, use, bytes(40), sealed],
      [under, use, aad, sealed.with(0, (sealed[0] ?? 0) ^ 1)],
      [under, use, aad, sealed.with(sealed.length - 1, (sealed.at(-1) ?? 0) ^ 1)],
      [under, use, aad, sealed.slice(0, -1)],
      [under, use, aad, sealed.slice(0, 15)],
      [under, use, aad, new Uint8Array(0)],
    ];
    for (const [index, attempt] of wrong.entries())
      assert.equal(await node.open(...attempt), null, `${index}`);
  });
});

describe('signatures', () => {
  const { privateKey, publicKey } = generateKeyPairSync('ed25519');
  const x = new Uint8Array(Buffer.from(publicKey.export({ format: 'jwk' }).x ?? '', 'base64url'));
  const message = encodeUtf8('what was said');
  const signature = new Uint8Array(sign(null, message, privateKey));
  const subtle = composeCrypto(createNodeAgentCrypto().frames, () => undefined);
  const verifyBySubtle: ReturnType<typeof createVerify> = (...call) => subtle.verify(...call);

  for (const [name, verify] of [
    ['node:crypto', createVerify()],
    ['many participants of one process', createSharedVerify()],
    ['WebCrypto', verifyBySubtle],
  ] as const) {
    it(`are verified by ${name}, again and again, and nothing else is taken for one`, async () => {
      const other = new Uint8Array(
        Buffer.from(generateKeyPairSync('ed25519').publicKey.export({ format: 'jwk' }).x ?? '', 'base64url'),
      );
      for (let times = 0; times < 3; times++) {
        assert.equal(await verify(x, message, signature), true);
        assert.equal(await verify(other, message, signature), false);
        assert.equal(await verify(x, encodeUtf8('what was not said'), signature), false);
        assert.equal(await verify(x, message, signature.with(0, (signature[0] ?? 0) ^ 1)), false);
        assert.equal(await verify(x.slice(1), message, signature), false);
        assert.equal(await verify(x, message, signature.slice(1)), false);
      }
    });
  }

  it('are remembered by many participants of one process for the last moment only', async () => {
    const verify = createSharedVerify();
    const all = Array.from({ length: 80 }, (_, index) => {
      const said = encodeUtf8(`message ${index}`);
      return { said, signature: new Uint8Array(sign(null, said, privateKey)) };
    });
    for (let times = 0; times < 2; times++) {
      for (const one of all) assert.equal(await verify(x, one.said, one.signature), true);
      for (const one of all) assert.equal(await verify(x, message, one.signature), false);
    }
  });
});
