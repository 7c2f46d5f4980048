import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { decodeLedgerLine, encodeLedgerLine, ledgerFields } from '../../src/keys/ledgerLines.ts';
import type { LedgerEntry, LedgerLine } from '../../src/keys/ledgerLines.ts';
import { LatchkeyError } from '../../src/protocol/errors.ts';
import { epochId, lease } from '../../src/protocol/names.ts';

const seed = Number(process.env['LATCHKEY_TEST_SEED'] ?? Date.now() % 2 ** 31);

const filled = (length: number, value = length): Uint8Array => new Uint8Array(length).fill(value);
const epoch = epochId(4_294_967_295);
const participant = 'a'.repeat(64);

/** One of each type, with values as long as they can be. */
const entries: readonly LedgerEntry[] = [
  {
    type: 'opened',
    version: 1,
    incarnation: filled(16),
    meeting: 'AZaz09-_',
    kind: 'interactive',
    joinPolicy: 'first',
    signingKey: filled(32),
  },
  { type: 'joined', participant, lease: lease(4_294_967_295), role: 'presenter' },
  { type: 'moved', participant, from: lease(1), to: lease(2) },
  { type: 'left', participant, lease: lease(1), cause: 'evicted' },
  {
    type: 'minted',
    epoch,
    trigger: 'joinAndDeparture',
    through: 4_294_967_294,
    previous: filled(32, 0),
    chain: filled(32, 255),
    fingerprint: filled(16),
    digest: filled(32),
    signature: filled(64),
    mintedAt: 8.64e15,
    sealedAt: 8.64e15,
    delivered: 4_294_967_295,
  },
  { type: 'shared', epoch, leases: 3 },
  { type: 'activated', epoch, by: 'deadline', tookMs: 20, acknowledged: 7, missed: 1 },
  { type: 'settled', epoch },
  { type: 'exposed', participant, lease: lease(3), cause: 'lost', epoch: null, exposureMs: 31 },
  { type: 'exposed', participant, lease: lease(3), cause: 'lost', epoch: epochId(0), exposureMs: 31 },
  { type: 'retired', epoch, acknowledged: 0, missed: 0 },
  { type: 'paused', participant, epoch },
  { type: 'resumed', participant, epoch },
  { type: 'restarted' },
  { type: 'ended', reason: 'meetingEnded' },
  { type: 'closed', lines: 4_294_967_295, hash: filled(32), signature: filled(64) },
];

const placed = (entry: LedgerEntry): LedgerLine => ({
  n: 4_294_967_295,
  prev: filled(32, 1),
  at: 8.64e15,
  ...entry,
});

const refused = (text: string, about = text): void =>
  assert.throws(
    () => decodeLedgerLine(text),
    (thrown: unknown) => thrown instanceof LatchkeyError && thrown.code === 'ledger_malformed',
    about,
  );

describe("a ledger's line", () => {
  it('is there for each type, and comes back as it was written', () => {
    assert.deepEqual(
      [...new Set(entries.map(({ type }) => type))],
      Object.keys(ledgerFields),
      'this test knows every type',
    );
    for (const entry of entries) {
      const line = placed(entry);
      const text = encodeLedgerLine(line);
      assert.match(text, /^[\x20-\x7e]{1,800}$/);
      assert.deepEqual(decodeLedgerLine(text), line);
      assert.deepEqual(Object.keys(JSON.parse(text) as object), [
        'n',
        'prev',
        'at',
        'type',
        ...ledgerFields[entry.type],
      ]);
    }
  });

  it('has a fixed spelling', () => {
    const text = encodeLedgerLine({
      n: 5,
      prev: filled(32, 0),
      at: 1_800_000_000_000,
      type: 'left',
      participant: 'ada',
      lease: lease(2),
      cause: 'left',
    });
    const zeros = 'A'.repeat(43);
    assert.equal(
      text,
      `{"n":5,"prev":"${zeros}","at":1800000000000,"type":"left","participant":"ada","lease":2,"cause":"left"}`,
    );
  });

  it('tells a duration in whole milliseconds, never shorter than it was', () => {
    const text = encodeLedgerLine(
      placed({ type: 'activated', epoch, by: 'quorum', tookMs: 20.01, acknowledged: 1, missed: 0 }),
    );
    const read = decodeLedgerLine(text);
    assert.ok(read.type === 'activated');
    assert.equal(read.tookMs, 21);
  });

  it('is refused in any other spelling, with other fields, or none', () => {
    const good = encodeLedgerLine(placed({ type: 'paused', participant: 'ada', epoch: epochId(10) }));
    decodeLedgerLine(good);
    const cases: readonly (readonly [from: string | RegExp, to: string])[] = [
      ['"epoch":10', '"epoch":10.0'],
      ['"epoch":10', '"epoch":1e1'],
      ['"epoch":10', '"epoch":010'],
      ['"epoch":10', '"epoch":"10"'],
      ['"epoch":10', '"epoch":-1'],
      ['"epoch":10', '"epoch":-0'],
      ['"epoch":10', '"epoch":4294967296'],
      ['"epoch":10', '"epoch":10.5'],
      ['"epoch":10', '"epoch":null'],
      [',"epoch":10', ''],
      ['"epoch":10', '"epoch":10,"epoch":10'],
      ['"epoch":10', '"epoch":10,"more":1'],
      ['"epoch":10', '"epoch":10,"__proto__":null'],
      ['"participant":"ada","epoch":10', '"epoch":10,"participant":"ada"'],
      ['"ada"', '"\\u0061da"'],
      ['"ada"', '""'],
      ['"ada"', `"${'a'.repeat(65)}"`],
      ['"ada"', '"a da"'],
      ['"ada"', '"adä"'],
      ['"paused"', '"poised"'],
      ['"paused"', '"constructor"'],
      ['"paused"', '"restarted"'],
      [/"AQ/, '"AQ=='],
      [/"AQ/, '"+/'],
      [/.",/, 'F",'],
      ['{', ' {'],
      ['{', '\ufeff{'],
      [/$/, ' '],
      [/$/, '\r'],
      [/$/, '{}'],
      [/}$/, ',}'],
      [/:/, ': '],
      [/.*/, ''],
      [/.*/, 'null'],
      [/.*/, '[]'],
      [/.*/, '"n"'],
      [/$/, ' '.repeat(2_000)],
    ];
    for (const [from, to] of cases) {
      const text = good.replace(from, () => to);
      assert.notEqual(text, good, String(from));
      refused(text);
    }
  });

  it('is refused, or written again byte for byte: nothing else, whatever is done to it', () => {
    const lines = fc.constantFrom(...entries.map((entry) => encodeLedgerLine(placed(entry))));
    const edit = fc.record({ at: fc.nat(1_000), remove: fc.nat(3), insert: fc.string({ maxLength: 3 }) });
    const property = fc.property(lines, fc.array(edit, { maxLength: 3 }), (line, edits) => {
      let text = line;
      for (const { at, remove, insert } of edits) {
        const place = at % (text.length + 1);
        text = `${text.slice(0, place)}${insert}${text.slice(place + remove)}`;
      }
      try {
        assert.equal(encodeLedgerLine(decodeLedgerLine(text)), text);
      } catch (thrown) {
        assert.ok(thrown instanceof LatchkeyError && thrown.code === 'ledger_malformed', text);
      }
    });
    fc.assert(property, { seed, numRuns: 3_000 });
  });

  it('is not written with a value that cannot be read', () => {
    const wrong: readonly LedgerEntry[] = [
      { type: 'left', participant: 'a"b', lease: lease(1), cause: 'left' },
      { type: 'left', participant: '', lease: lease(1), cause: 'left' },
      { type: 'shared', epoch, leases: 0.5 },
      { type: 'shared', epoch, leases: -1 },
      { type: 'closed', lines: 1, hash: filled(31), signature: filled(64) },
      { type: 'exposed', participant, lease: lease(3), cause: 'lost', epoch: null, exposureMs: NaN },
      { type: 'exposed', participant, lease: lease(3), cause: 'lost', epoch: null, exposureMs: -5 },
    ];
    for (const entry of wrong) assert.throws(() => encodeLedgerLine(placed(entry)), RangeError);
    assert.throws(() => encodeLedgerLine({ ...placed({ type: 'restarted' }), at: 1.5 }), RangeError);
  });
});
