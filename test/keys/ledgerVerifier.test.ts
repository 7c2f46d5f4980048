import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { nodeLedgerTools } from '../../src/cli/nodeLedgerTools.ts';
import { decodeLedgerLine, encodeLedgerLine } from '../../src/keys/ledgerLines.ts';
import type { LedgerLine } from '../../src/keys/ledgerLines.ts';
import { ledgerError, verifyLedger } from '../../src/keys/ledgerVerifier.ts';
import type { LedgerFault, LedgerFindings } from '../../src/keys/ledgerVerifier.ts';
import {
  decodeAll,
  histories,
  LedgerScene,
  linesOf,
  newSigner,
  relink,
  textOf,
  writeHistory,
} from './ledgerScene.ts';

/** Printed with every failure by fast-check; given by hand to see one again. */
const seed = Number(process.env['LATCHKEY_TEST_SEED'] ?? Date.now() % 2 ** 31);
const signer = newSigner();

const check = (text: string): LedgerFindings | LedgerFault => verifyLedger(text, nodeLedgerTools);

const soundOf = (text: string): LedgerFindings => {
  const found = check(text);
  if (!found.ok) assert.fail(JSON.stringify(found));
  return found;
};

const faultOf = (text: string): LedgerFault => {
  const found = check(text);
  if (found.ok) assert.fail('nothing was found');
  return found;
};

const closedLedgers = histories.map((history) => writeHistory(signer, history, { closed: true }));

/** A closed ledger and so many numbers, each below how many lines it has. */
const withPlaces = (count: number) =>
  closedLedgers.chain(({ lines }) =>
    fc.record({
      lines: fc.constant(lines),
      places: fc.array(fc.nat(lines.length - 1), { minLength: count, maxLength: count }),
    }),
  );

const holds = <T>(arbitrary: fc.Arbitrary<T>, law: (value: T) => void, numRuns = 300): void =>
  fc.assert(fc.property(arbitrary, law), { seed, numRuns });

/** Of a small meeting with all that there is in one. */
const example = (): LedgerScene =>
  new LedgerScene(signer, 7)
    .join('ada', 1)
    .mint(1)
    .activate(0, 1)
    .join('bob', 2)
    .mint(2)
    .activate(1, 2)
    .retire(0, 1)
    .leave('bob', 2, 'evicted')
    .leave('ada', 1)
    .retire(1)
    .close();

describe('what a ledger proves', () => {
  it('a closed one is whole, and what it tells of is counted', () => {
    const scene = example();
    const found = soundOf(scene.text);
    const { incarnation, signingKey, openedAt, endedAt, ...rest } = found;
    assert.deepEqual(
      [incarnation, signingKey],
      [scene.incarnation, Buffer.from(signer.publicKey)].map((bytes) => new Uint8Array(bytes)),
    );
    assert.deepEqual([openedAt, endedAt], [scene.nowMs, scene.nowMs]);
    assert.deepEqual(rest, {
      ok: true,
      meeting: 'meeting-7',
      kind: 'interactive',
      joinPolicy: 'every',
      lines: scene.lines.length,
      epochs: 2,
      participants: 2,
      closed: true,
      signedThrough: scene.lines.length - 1,
      clockSetBack: 0,
    });
  });

  it('every possible history is believed, closed or not; signed as far as the last epoch that was minted covers it', (t) => {
    let [most, epochs] = [0, 0];
    holds(fc.record({ history: histories, closed: fc.boolean() }), ({ history, closed }) => {
      const { text, lines } = writeHistory(signer, history, { closed });
      const found = soundOf(text);
      assert.equal(found.closed, closed);
      const minted = decodeAll(lines).filter((line) => line.type === 'minted');
      assert.equal(found.epochs, minted.length);
      assert.equal(found.signedThrough, closed ? lines.length - 1 : (minted.at(-1)?.through ?? -1));
      most = Math.max(most, lines.length);
      epochs += minted.length;
    });
    t.diagnostic(`seed ${seed}: ${epochs} epochs, up to ${most} lines`);
    assert.ok(most > 40 && epochs > 300, 'the histories reach long meetings');
  });

  it('under the key that is trusted, and no other', () => {
    const { text } = example();
    assert.ok(verifyLedger(text, { ...nodeLedgerTools, publicKey: signer.publicKey }).ok);
    const other = newSigner();
    const found = verifyLedger(text, { ...nodeLedgerTools, publicKey: other.publicKey });
    assert.ok(!found.ok);
    assert.deepEqual([found.line, found.code], [0, 'key']);
    // Made from the beginning by somebody else: sound in itself, and not our server's.
    const forged = writeHistory(other, [], { closed: true }).text;
    assert.ok(soundOf(forged).closed);
    assert.ok(!verifyLedger(forged, { ...nodeLedgerTools, publicKey: signer.publicKey }).ok);
  });

  it('a clock that is set back is counted, and breaks nothing', () => {
    const scene = new LedgerScene(signer, 1).join('ada', 1);
    scene.nowMs -= 3_600_000;
    scene.mint(1).leave('ada', 1).retire(0).close();
    const found = soundOf(scene.text);
    assert.deepEqual([found.closed, found.clockSetBack], [true, 1]);
  });

  it('lines that were written while the custodian answered stand before the epoch, and are signed by the next', () => {
    const scene = new LedgerScene(signer, 1).join('ada', 1);
    const asked = scene.ledger.head;
    scene.join('bob', 2).mint(1, asked);
    assert.equal(soundOf(scene.text).signedThrough, 1);
    assert.equal(soundOf(scene.mint(2).text).signedThrough, 3);
  });

  it('an error that crosses a boundary has its code and its place', () => {
    const { lines } = example();
    const broken = ledgerError(faultOf(textOf(lines.toSpliced(3, 1))));
    assert.deepEqual(
      [broken.code, broken.message],
      ['ledger_broken', 'line 3: line 3 expected, and this is line 4 (sequence)'],
    );
    assert.equal(ledgerError(faultOf('')).code, 'ledger_malformed');
  });
});

describe('what is found, and where', () => {
  it('any single byte changed: at its line', () => {
    const byte = fc.record({ place: fc.nat(), to: fc.integer({ min: 0, max: 255 }) });
    holds(
      fc.record({ scene: closedLedgers, byte }),
      ({ scene: { text }, byte: { place, to } }) => {
        const at = place % text.length;
        const changed = `${text.slice(0, at)}${String.fromCharCode(to)}${text.slice(at + 1)}`;
        if (changed === text) return;
        assert.equal(faultOf(changed).line, text.slice(0, at).split('\n').length - 1, changed);
      },
      1_000,
    );
  });

  it('each byte of one ledger, with one bit of it turned', () => {
    const { text } = example();
    let line = 0;
    for (let at = 0; at < text.length; at++) {
      const code = text.charCodeAt(at);
      const changed = `${text.slice(0, at)}${String.fromCharCode(code ^ 1)}${text.slice(at + 1)}`;
      assert.equal(faultOf(changed).line, line, `byte ${at}`);
      if (code === 10) line++;
    }
  });

  it('a line changed and spelled as it must be: at that line, by what follows it', () => {
    holds(withPlaces(1), ({ lines, places: [place = 0] }) => {
      const decoded = decodeAll(lines);
      const line = decoded[place];
      if (line === undefined || line.type === 'opened' || line.type === 'closed') return;
      const changed = encodeLedgerLine({ ...line, at: line.at + 1 });
      const { line: found, code } = faultOf(textOf(lines.with(place, changed)));
      // Of the line before the last the time is repeated in the last.
      assert.deepEqual([found, code], [place, 'chain']);
    });
  });

  it('several lines changed: at the first of them', () => {
    holds(withPlaces(3), ({ lines, places }) => {
      const changed = new Set(places.filter((n) => n > 0 && n < lines.length - 1));
      const [first] = [...changed].sort((a, b) => a - b);
      // Of two in a row the later one, which names what the earlier one no longer is, is the first of which that can be told.
      if (first === undefined || changed.has(first + 1)) return;
      const text = lines.map((line, n) => {
        const decoded = decodeLedgerLine(line);
        return changed.has(n) ? encodeLedgerLine({ ...decoded, at: decoded.at + 1 }) : line;
      });
      assert.equal(faultOf(textOf(text)).line, first);
    });
  });

  it('lines removed: at the first that is missing; the last ones: not closed', () => {
    holds(withPlaces(2), ({ lines, places }) => {
      const [from = 0, to = 0] = places.toSorted((a, b) => a - b);
      const text = textOf([...lines.slice(0, from), ...lines.slice(to + 1)]);
      if (to < lines.length - 1) {
        const { line, code } = faultOf(text);
        assert.deepEqual([line, code], [from, 'sequence']);
      } else if (from > 0) {
        const { closed, signedThrough, lines: left } = soundOf(text);
        assert.ok(!closed && signedThrough < left);
      } else assert.equal(faultOf(text).code, 'cut');
    });
  });

  it('lines swapped: at the first of the two', () => {
    holds(withPlaces(2), ({ lines, places: [a = 0, b = 0] }) => {
      const swapped = lines.with(a, lines[b] ?? '').with(b, lines[a] ?? '');
      if (a === b) return;
      const { line, code } = faultOf(textOf(swapped));
      assert.deepEqual([line, code], [Math.min(a, b), 'sequence']);
    });
  });

  it('a line doubled, there or elsewhere: at the first that stands where another should', () => {
    holds(withPlaces(2), ({ lines, places: [which = 0, where = 0] }) => {
      const { line, code } = faultOf(textOf(lines.toSpliced(where, 0, lines[which] ?? '')));
      assert.deepEqual([line, code], [which === where ? where + 1 : where, 'sequence']);
    });
  });

  it('a cut anywhere: at the line that has no end, else not closed', () => {
    holds(fc.record({ scene: closedLedgers, place: fc.nat() }), ({ scene: { text }, place }) => {
      const kept = text.slice(0, place % text.length);
      const whole = linesOf(kept).length;
      if (kept === '' || !kept.endsWith('\n')) {
        const { line, code } = faultOf(kept);
        assert.deepEqual([line, code], [whole, 'cut']);
      } else assert.deepEqual([soundOf(kept).closed, soundOf(kept).lines], [false, whole]);
    });
  });

  it('the beginning of one ledger before the end of another: where they meet', () => {
    const others = histories.map((history) =>
      writeHistory(signer, history, { closed: true, incarnation: 2 }),
    );
    const both = fc.record({ one: closedLedgers, other: others, place: fc.nat() });
    holds(both, ({ one, other, place }) => {
      const seam = 1 + (place % (Math.min(one.lines.length, other.lines.length) - 1));
      const { line } = faultOf(textOf([...one.lines.slice(0, seam), ...other.lines.slice(seam)]));
      // Of one line before all others it is that one which does not belong.
      assert.equal(line, seam === 1 ? 0 : seam);
    });
  });

  it('something after the end: at that line', () => {
    holds(closedLedgers, ({ text, lines }) => {
      const decoded = decodeAll(lines);
      const [, more = decoded[0]] = decoded;
      assert.ok(more !== undefined);
      const after = relink([...decoded, more], { chains: false }).at(-1) ?? '';
      const { line, code } = faultOf(`${text}${after}\n`);
      assert.deepEqual([line, code], [lines.length, 'after_end']);
      assert.equal(faultOf(`${text}\n`).line, lines.length);
    });
  });

  for (const chains of [false, true]) {
    it(`a story told anew and linked anew${chains ? ', the chain of the epochs too' : ''}: at the first signature that covers it`, () => {
      holds(withPlaces(1), ({ lines, places: [place = 0] }) => {
        const decoded = decodeAll(lines);
        const first = decoded.findIndex((line, n) => n >= place && line.type === 'joined');
        const victim = decoded[first];
        if (victim?.type !== 'joined') return;
        const { participant } = victim;
        // Who was here was somebody else.
        const forged = decoded.map((line) =>
          'participant' in line && line.participant === participant
            ? { ...line, participant: 'nobody' }
            : line,
        );
        const text = textOf(relink(forged, { chains }));
        const signed = forged.findIndex((line) => covers(line, first));
        const { line, code } = faultOf(text);
        assert.equal(line, signed, text);
        assert.equal(code, forged[signed]?.type === 'minted' && !chains ? 'chain' : 'signature');
      });
    });
  }

  it('the end left as it was signed, under lines that were linked anew: at the end', () => {
    const scene = new LedgerScene(signer, 1).join('ada', 1).leave('ada', 1).close();
    const forged = decodeAll(scene.lines).map((line) =>
      'participant' in line ? { ...line, participant: 'eve' } : line,
    );
    const relinked = decodeAll(relink(forged, { chains: true }));
    const [signed, last] = [decodeAll(scene.lines).at(-1), relinked.at(-1)];
    assert.ok(signed?.type === 'closed' && last?.type === 'closed');
    const end = encodeLedgerLine({ ...last, hash: signed.hash });
    const { line, code } = faultOf(textOf([...relink(forged, { chains: true }).slice(0, -1), end]));
    assert.deepEqual([line, code], [scene.lines.length - 1, 'chain']);
  });

  it('an epoch left out and everything linked anew: at the next signature', () => {
    const scene = new LedgerScene(signer, 1).join('ada', 1).mint(1).activate(0, 1).mint(1);
    scene.activate(1, 1).retire(0).leave('ada', 1).retire(1).close();
    const kept = decodeAll(scene.lines).filter((line) => !('epoch' in line && line.epoch === 1));
    const { line, code } = faultOf(textOf(relink(kept, { chains: true })));
    assert.deepEqual([line, code], [kept.length - 1, 'signature']);
  });

  it('a line changed in a ledger that is not closed: at that line, but the last, which nothing covers', () => {
    const running = histories.map((history) => writeHistory(signer, history, { closed: false }));
    holds(fc.record({ scene: running, place: fc.nat() }), ({ scene: { text, lines }, place }) => {
      const { signedThrough } = soundOf(text);
      const changedLine = decodeAll(lines)[place % lines.length];
      if (changedLine === undefined || changedLine.type === 'opened') return;
      const { n } = changedLine;
      const changed = textOf(lines.with(n, encodeLedgerLine({ ...changedLine, at: changedLine.at + 1 })));
      if (n <= signedThrough || n + 2 < lines.length) assert.equal(faultOf(changed).line, n);
      // Of the last two, which contradict one another, nothing tells which was changed.
      else if (n + 1 < lines.length) assert.equal(faultOf(changed).line, n + 1);
      else assert.equal(soundOf(changed).signedThrough, signedThrough);
    });
  });

  it('what no signature covers yet may be rewritten by whoever holds the file: that it is unsigned is what is said', () => {
    const scene = new LedgerScene(signer, 1).join('ada', 1).mint(1).join('bob', 2);
    const forged = decodeAll(scene.lines).map((line) =>
      line.type === 'joined' && line.n === 3 ? { ...line, participant: 'eve' } : line,
    );
    assert.equal(soundOf(textOf(relink(forged, { chains: false }))).signedThrough, 1);
  });
});

/** A signature stands in this line that speaks of line `n`, directly or by those that it covers. */
const covers = (line: LedgerLine, n: number): boolean =>
  line.type === 'closed' || (line.type === 'minted' && line.through >= n);
