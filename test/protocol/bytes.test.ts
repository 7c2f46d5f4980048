import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import {
  ByteReader,
  ByteWriter,
  decodeUtf8,
  encodeUtf8,
  equalBytes,
  fromBase64Url,
  toBase64Url,
  toHex,
} from '../../src/protocol/bytes.ts';
import { LatchkeyError } from '../../src/protocol/errors.ts';

const bytes = fc.uint8Array({ maxLength: 70 });

describe('bytes on the wire', () => {
  it('reads back what was written, to the last byte', () => {
    fc.assert(
      fc.property(
        fc.nat(255),
        fc.nat(65_535),
        fc.nat(2 ** 32 - 1),
        bytes,
        fc.string({ unit: 'grapheme' }),
        (a, b, c, d, e) => {
          const reader = new ByteReader(
            new ByteWriter(1).u8(a).u16(b).u32(c).sized(d).text(e).fixed(d, d.length).finish(),
          );
          assert.deepEqual([reader.u8(), reader.u16(), reader.u32(), reader.sized()], [a, b, c, d]);
          assert.equal(reader.text(), decodeUtf8(encodeUtf8(e)));
          assert.deepEqual(reader.fixed(d.length), d);
          reader.end();
        },
      ),
    );
  });

  it('refuses short and trailing bytes, naming the offset', () => {
    const whole = new ByteWriter().u16(7).text('four').finish();
    for (let length = 0; length < whole.length; length++) {
      const reader = new ByteReader(whole.subarray(0, length));
      assert.throws(
        () => [reader.u16(), reader.text()],
        (error) =>
          error instanceof LatchkeyError && error.code === 'malformed' && /at byte \d+/.test(error.message),
      );
    }
    const reader = new ByteReader(new Uint8Array([...whole, 0]));
    reader.u16();
    reader.text();
    assert.throws(() => reader.end(), /1 bytes too many at byte 8/);
  });

  it('refuses values that do not fit their field and text that is not UTF-8', () => {
    assert.throws(() => new ByteWriter().u8(256), RangeError);
    assert.throws(() => new ByteWriter().u32(-1), RangeError);
    assert.throws(() => new ByteWriter().u16(1.5), RangeError);
    assert.throws(() => new ByteWriter().fixed(new Uint8Array(3), 4), RangeError);
    assert.throws(
      () => new ByteReader(new ByteWriter().sized(Uint8Array.of(0xff)).finish()).text(),
      /not UTF-8 at byte 0/,
    );
  });

  it('has one spelling of base64url, the one that Node writes', () => {
    fc.assert(
      fc.property(bytes, (value) => {
        const text = toBase64Url(value);
        assert.equal(text, Buffer.from(value).toString('base64url'));
        assert.deepEqual(fromBase64Url(text), value);
      }),
    );
    for (const wrong of ['A', 'AB', 'AA=', 'A A', '+AAA', '/AAA', 'AAAé', 'AAB'])
      assert.equal(fromBase64Url(wrong), null, wrong);
  });

  it('compares contents and writes hex as Node does', () => {
    fc.assert(
      fc.property(bytes, bytes, (a, b) => {
        assert.equal(equalBytes(a, b), Buffer.compare(a, b) === 0);
        assert.ok(equalBytes(a, a.slice()));
        assert.equal(toHex(a), Buffer.from(a).toString('hex'));
      }),
    );
  });
});
