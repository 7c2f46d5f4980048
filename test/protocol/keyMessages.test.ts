import assert from 'node:assert/strict';
import { generateKeyPairSync, hash, sign, verify } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { isErrorCode, LatchkeyError } from '../../src/protocol/errors.ts';
import {
  admissionSignatureInput,
  chainInput,
  decodeAdmission,
  decodeRekey,
  decodeWelcome,
  encodeAdmission,
  encodeAdmissionTerms,
  encodeRekey,
  encodeRekeyBody,
  encodeWelcome,
  epochSignatureInput,
  ledgerSignatureInput,
  resumeProofInput,
  transportSignatureInput,
} from '../../src/protocol/keyMessages.ts';
import type { Admission, EpochSeal, Rekey, SealedNode, Welcome } from '../../src/protocol/keyMessages.ts';
import { epochId, lease, roles, triggers } from '../../src/protocol/names.ts';
import type { Trigger } from '../../src/protocol/names.ts';

const fixed = (length: number) => fc.uint8Array({ minLength: length, maxLength: length });
/** Plain objects, as the decoders make. */
const record = <T extends object>(fields: { [K in keyof T]: fc.Arbitrary<T[K]> }) =>
  fc.record(fields, { noNullPrototype: true }) as fc.Arbitrary<T>;
const uint32 = fc.nat(2 ** 32 - 1);
const head = {
  incarnation: fixed(16),
  epoch: uint32.map(epochId),
  fingerprint: fixed(16),
  trigger: fc.constantFrom(...triggers),
  previous: fixed(32),
  ledger: fixed(32),
};

const admissions: fc.Arbitrary<Admission> = record({
  terms: record({
    incarnation: fixed(16),
    meeting: fc.string(),
    participant: fc.string(),
    role: fc.constantFrom(...roles),
    lease: fc.integer({ min: 1, max: 2 ** 32 - 1 }).map(lease),
    publicKey: fixed(32),
    tokenId: fc.string(),
    number: uint32,
    firstEpoch: uint32.map(epochId),
  }),
  enc: fixed(32),
  signature: fixed(64),
});

const welcomes: fc.Arbitrary<Welcome> = fc.integer({ min: 1, max: 10 }).chain((height) =>
  record({
    ...head,
    height: fc.constant(height),
    leaf: fc.nat(4 ** height - 1),
    lease: fc.integer({ min: 1, max: 2 ** 32 - 1 }).map(lease),
    sealed: fixed((height + 1) * 32 + 16),
  }),
);

const seals: fc.Arbitrary<EpochSeal> = record({ digest: fixed(32), signature: fixed(64) });

const node = (level: number, index: number): fc.Arbitrary<SealedNode> =>
  fc
    .subarray([0, 1, 2, 3], { minLength: 1 })
    .chain((children) =>
      fc
        .tuple(...children.map((child) => fixed(48).map((sealed) => ({ child, sealed }))))
        .map((seals) => ({ level, index, seals })),
    );

const rekeys: fc.Arbitrary<Rekey> = fc.integer({ min: 1, max: 4 }).chain((height) => {
  const places = Array.from({ length: height }, (_, level) =>
    Array.from({ length: 4 ** (height - level - 1) }, (_, index) => ({ level: level + 1, index })),
  ).flat();
  return fc.subarray(places, { maxLength: Math.min(12, places.length) }).chain((chosen) =>
    record({
      ...head,
      height: fc.constant(height),
      nodes: fc.tuple(...chosen.map(({ level, index }) => node(level, index))),
      session: fixed(48),
    }),
  );
});

const malformed = (error: unknown) =>
  error instanceof LatchkeyError && error.code === 'key_message_malformed';

const assertStrict = (whole: Uint8Array, decode: (bytes: Uint8Array) => unknown): void => {
  for (let length = 0; length < whole.length; length++)
    assert.throws(() => decode(whole.subarray(0, length)), malformed);
  assert.throws(() => decode(new Uint8Array([...whole, 0])), malformed);
};

describe('key messages', () => {
  it('an admission reads back as written; short, long and other types are refused', () => {
    fc.assert(
      fc.property(admissions, (admission) =>
        assert.deepEqual(decodeAdmission(encodeAdmission(admission)), admission),
      ),
    );
    fc.assert(
      fc.property(admissions, (admission) => assertStrict(encodeAdmission(admission), decodeAdmission)),
      { numRuns: 5 },
    );
  });

  it('a welcome reads back as written, with what the server says of its epoch; short and long ones are refused', () => {
    fc.assert(
      fc.property(welcomes, seals, (welcome, seal) =>
        assert.deepEqual(decodeWelcome(encodeWelcome(welcome, seal)), { welcome, ...seal }),
      ),
    );
    fc.assert(
      fc.property(welcomes, seals, (welcome, seal) =>
        assertStrict(encodeWelcome(welcome, seal), decodeWelcome),
      ),
      { numRuns: 5 },
    );
  });

  it('a rekey reads back as written, its signature over all before it; short and long ones are refused', () => {
    fc.assert(
      fc.property(rekeys, fixed(64), (rekey, signature) => {
        const body = encodeRekeyBody(rekey);
        assert.deepEqual(decodeRekey(encodeRekey(body, signature)), { rekey, body, signature });
      }),
    );
    fc.assert(
      fc.property(rekeys, fixed(64), (rekey, signature) =>
        assertStrict(encodeRekey(encodeRekeyBody(rekey), signature), (bytes) => decodeRekey(bytes)),
      ),
      { numRuns: 5 },
    );
  });

  it('no byte of a message can be changed without a change in what it says, or a refusal', () => {
    fc.assert(
      fc.property(
        rekeys,
        fixed(64),
        fc.nat(),
        fc.integer({ min: 1, max: 255 }),
        (rekey, signature, at, flip) => {
          const bytes = encodeRekey(encodeRekeyBody(rekey), signature);
          const index = at % bytes.length;
          bytes[index] = (bytes[index] ?? 0) ^ flip;
          try {
            const changed = decodeRekey(bytes);
            assert.notDeepEqual(changed, { rekey, body: encodeRekeyBody(rekey), signature });
            assert.deepEqual(encodeRekey(encodeRekeyBody(changed.rekey), changed.signature), bytes);
          } catch (thrown) {
            if (!malformed(thrown)) throw thrown;
          }
        },
      ),
      { numRuns: 300 },
    );
  });

  it('random bytes are refused with an offset, never with anything else', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 300 }), (bytes) => {
        for (const decode of [decodeAdmission, decodeWelcome, decodeRekey])
          assert.throws(() => decode(bytes), malformed);
      }),
    );
  });

  it('nodes out of order or twice are refused', () => {
    const seal = [{ child: 0, sealed: new Uint8Array(48) }];
    const rekey = (...nodes: SealedNode[]) => ({
      incarnation: new Uint8Array(16),
      epoch: epochId(1),
      trigger: 'departure' as const,
      previous: new Uint8Array(32),
      ledger: new Uint8Array(32),
      height: 2,
      fingerprint: new Uint8Array(16),
      nodes,
      session: new Uint8Array(48),
    });
    const decode = (...nodes: SealedNode[]) =>
      decodeRekey(encodeRekey(encodeRekeyBody(rekey(...nodes)), new Uint8Array(64)));
    decode({ level: 1, index: 0, seals: seal }, { level: 2, index: 0, seals: seal });
    assert.throws(
      () => decode({ level: 2, index: 0, seals: seal }, { level: 1, index: 0, seals: seal }),
      malformed,
    );
    assert.throws(
      () => decode({ level: 1, index: 1, seals: seal }, { level: 1, index: 1, seals: seal }),
      malformed,
    );
    assert.throws(() => decode({ level: 1, index: 4, seals: seal }), malformed);
    assert.throws(() => decode({ level: 3, index: 0, seals: seal }), malformed);
  });

  it('what is signed or bound differs from use to use, whatever the fields hold', () => {
    fc.assert(
      fc.property(admissions, rekeys, seals, (admission, rekey, { digest }) => {
        const { incarnation, lease } = admission.terms;
        const inputs = [
          encodeAdmissionTerms(admission.terms),
          admissionSignatureInput(admission.terms, admission.enc),
          chainInput(rekey),
          epochSignatureInput({ ...rekey, chain: rekey.previous, digest }),
          ledgerSignatureInput({ incarnation, lines: 1, hash: digest }),
          resumeProofInput({ incarnation, lease, challenge: digest }),
          transportSignatureInput({ incarnation, participant: '', transport: '', fingerprints: [] }),
        ].map((input) => Buffer.from(input).toString('hex'));
        for (const one of inputs)
          for (const other of inputs) assert.ok(one === other || !other.startsWith(one));
      }),
    );
  });

  it('codes are known by name only', () => {
    assert.ok(isErrorCode('malformed'));
    for (const other of ['toString', '__proto__', '', 7, null]) assert.ok(!isErrorCode(other));
  });
});

const sha256 = (bytes: Uint8Array): Uint8Array => new Uint8Array(hash('sha256', bytes, 'buffer'));

/** Another value of the same kind. */
const bend = <T extends Uint8Array | number | string>(value: T, at: number): T => {
  if (value instanceof Uint8Array) {
    const index = at % value.length;
    return value.with(index, (value[index] ?? 0) ^ (1 + (at % 255))) as T;
  }
  if (typeof value === 'number') return ((value + 1 + at) % 2 ** 32) as T;
  return triggers[
    (triggers.indexOf(value as Trigger) + 1 + (at % (triggers.length - 1))) % triggers.length
  ] as T;
};

describe('the chain of epochs', () => {
  it('differs wherever anything differs that it covers', () => {
    const covered = ['incarnation', 'epoch', 'trigger', 'previous', 'ledger'] as const;
    fc.assert(
      fc.property(welcomes, fc.constantFrom(...covered), fc.nat(2 ** 31), (head, field, at) => {
        const other = { ...head, [field]: bend(head[field], at) };
        fc.pre(other[field] !== head[field]);
        assert.notDeepEqual(sha256(chainInput(other)), sha256(chainInput(head)), field);
      }),
    );
  });

  it('is the same from a welcome and from the rekey of its epoch', () => {
    fc.assert(
      fc.property(welcomes, rekeys, (welcome, rekey) => {
        const { incarnation, epoch, trigger, previous, ledger } = rekey;
        assert.deepEqual(
          chainInput({ ...welcome, incarnation, epoch, trigger, previous, ledger }),
          chainInput(rekey),
        );
      }),
    );
  });
});

describe('what the server says of an epoch', () => {
  const { privateKey, publicKey } = generateKeyPairSync('ed25519');

  const signed = (rekey: Rekey): Uint8Array => {
    const body = encodeRekeyBody(rekey);
    const input = epochSignatureInput({ ...rekey, chain: sha256(chainInput(rekey)), digest: sha256(body) });
    return encodeRekey(body, new Uint8Array(sign(null, input, privateKey)));
  };

  /** As a participant does. */
  const verifies = (message: Uint8Array): boolean => {
    const { rekey, body, signature } = decodeRekey(message);
    const input = epochSignatureInput({ ...rekey, chain: sha256(chainInput(rekey)), digest: sha256(body) });
    return verify(null, input, publicKey, signature);
  };

  it('covers every byte of the rekey: bent anywhere, it is no rekey, or not signed', () => {
    fc.assert(
      fc.property(rekeys, fc.integer({ min: 1, max: 255 }), (rekey, flip) => {
        const message = signed(rekey);
        assert.ok(verifies(message));
        for (let at = 0; at < message.length; at++) {
          const bent = message.with(at, (message[at] ?? 0) ^ flip);
          try {
            assert.equal(verifies(bent), false, `byte ${at}`);
          } catch (thrown) {
            if (!malformed(thrown)) throw thrown;
          }
        }
      }),
      { numRuns: 6 },
    );
  });

  it('covers every field of the statement', () => {
    const fields = ['incarnation', 'epoch', 'trigger', 'fingerprint', 'chain', 'digest'] as const;
    fc.assert(
      fc.property(welcomes, seals, fc.constantFrom(...fields), fc.nat(2 ** 31), (head, seal, field, at) => {
        const statement = { ...head, chain: head.previous, digest: seal.digest };
        const other = { ...statement, [field]: bend(statement[field], at) };
        fc.pre(other[field] !== statement[field]);
        assert.notDeepEqual(epochSignatureInput(other), epochSignatureInput(statement), field);
      }),
    );
  });
});

describe('PROTOCOL.md, of key messages', () => {
  const read = (path: string): string => readFileSync(new URL(`../../src/${path}`, import.meta.url), 'utf8');
  const document = read('protocol/PROTOCOL.md');

  /** The sum of the fields of fixed length that a list names: `name 16`. */
  const bytesIn = (list: string): number =>
    [...list.replaceAll(/\([^)]*\)/g, '').matchAll(/\w+ (\d+)(?=,|$| *\|)/gm)].reduce(
      (sum, [, bytes]) => sum + Number(bytes),
      0,
    );
  const lineOf = (start: string): string =>
    document.split('\n').find((line) => line.startsWith(start)) ?? assert.fail(start);
  const rowOf = (start: string): string => lineOf(start).slice(start.length);
  const type = 1;
  const head = bytesIn(lineOf('head '));

  it('gives the length of every field', () => {
    fc.assert(
      fc.property(welcomes, rekeys, seals, (welcome, rekey, seal) => {
        const sealed = 32 * (welcome.height + 1) + 16;
        assert.equal(
          encodeWelcome(welcome, seal).length,
          type + head + bytesIn(rowOf('| welcome | 2 |')) + sealed,
        );
        const nodes = rekey.nodes.reduce((sum, node) => sum + 1 + 4 + 1 + 48 * node.seals.length, 0);
        assert.equal(
          encodeRekey(encodeRekeyBody(rekey), seal.signature).length,
          type + head + bytesIn(rowOf('| rekey | 3 |')) + nodes,
        );
      }),
      { numRuns: 20 },
    );
  });

  it('names every label that a key is derived or a message is signed with', () => {
    const sources = ['protocol/keyMessages.ts', 'keys/keyStore.ts', 'sframe/epochKeys.ts']
      .map(read)
      .join('\n');
    const labels = [...sources.matchAll(/'(latchkey\/1 [a-z ]+)'/g)].map(([, label]) => label ?? '');
    assert.ok(labels.length > 12, labels.join());
    for (const label of labels.filter((one) => one !== 'latchkey/1 sign join'))
      assert.ok(document.includes(`"${label}"`) || document.includes(`\`${label}\``), label);
  });
});
