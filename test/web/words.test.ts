import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { errorCodes, LatchkeyError } from '../../src/protocol/errors.ts';
import { limits } from '../../src/protocol/timers.ts';
import { departureCauses, triggers } from '../../src/protocol/names.ts';
import { adviceFor, adviceForCode, codeAdvice, neverShown } from '../../src/web/words/advice.ts';
import { sayComings } from '../../src/web/words/comings.ts';
import { deviceAdvice, deviceErrorNames, screenAdvice } from '../../src/web/words/deviceAdvice.ts';
import {
  cipherName,
  dtlsName,
  fingerprintGroups,
  since,
  wordsForTrigger,
} from '../../src/web/words/keyWords.ts';
import { cleanName, hueOf, hues, initialsOf } from '../../src/web/people/names.ts';

const isSentence = (text: string): boolean =>
  /^\p{Lu}.*\S$/su.test(text) && !/undefined|null|\[object/.test(text);

describe('errors', () => {
  it('of every code are said in words of their own, or never reach the page', () => {
    const without = Object.keys(errorCodes).filter(
      (code) => !Object.hasOwn(codeAdvice, code) && !(neverShown as readonly string[]).includes(code),
    );
    assert.deepEqual(without, []);
  });

  it('say what happened and what to do next, and never a code', () => {
    for (const [code, { title, hint }] of Object.entries(codeAdvice)) {
      assert.ok(isSentence(title) && isSentence(hint), code);
      assert.ok(!/[a-z]_[a-z]/.test(title + hint), code);
      assert.match(hint, /[.]$/, code);
    }
  });

  it('of a code that only a newer server knows are said all the same', () => {
    assert.match(adviceForCode('made_up_tomorrow').hint, /made_up_tomorrow/);
  });

  it('are recognised by their code, whichever module made them', () => {
    assert.equal(adviceFor(new LatchkeyError('meeting_full')), codeAdvice.meeting_full);
    assert.equal(adviceFor({ code: 'meeting_full' }), codeAdvice.meeting_full);
  });

  it('of the network and of this page differ', () => {
    assert.match(adviceFor(new DOMException('', 'NetworkError')).title, /cannot be reached/);
    assert.match(adviceFor(new TypeError('x is not a function')).title, /this page/);
    assert.match(adviceFor(undefined).title, /this page/);
  });
});

describe('device errors', () => {
  it('of each kind have sentences for camera and microphone', () => {
    for (const name of [...deviceErrorNames, 'SomethingNewError']) {
      for (const kind of ['camera', 'microphone'] as const) {
        const { title, hint } = deviceAdvice({ name }, kind);
        assert.ok(isSentence(title) && isSentence(hint), name);
      }
    }
  });

  it('say that a camera is in use by another program', () => {
    assert.equal(
      deviceAdvice({ name: 'NotReadableError' }, 'camera').title,
      'Your camera is in use by another program',
    );
  });

  it('say nothing to who closed the browser’s own screen picker', () => {
    assert.equal(screenAdvice({ name: 'NotAllowedError' }), null);
    assert.ok(screenAdvice({ name: 'NotReadableError' }));
    assert.ok(screenAdvice(null));
  });
});

describe('the key’s words', () => {
  it('exist for every trigger, known or not', () => {
    const unknown = wordsForTrigger('toString');
    const words = new Set(triggers.map(wordsForTrigger));
    assert.equal(words.size, triggers.length);
    assert.ok(unknown.length > 0 && !words.has(unknown));
    for (const text of words) assert.match(text, /^\p{Ll}[^_]*[^.]$/u);
    assert.ok(departureCauses.length > 0);
  });

  it('show a fingerprint in groups of four that lose nothing', () => {
    const fingerprint = '00112233445566778899aabbccddeeff';
    const groups = fingerprintGroups(fingerprint);
    assert.equal(groups.length, 8);
    assert.equal(groups.join(''), fingerprint);
  });

  it('count time in the largest whole unit', () => {
    const cases: [number, string][] = [
      [-5, 'just now'],
      [999, 'just now'],
      [1_000, '1 second ago'],
      [59_999, '59 seconds ago'],
      [60_000, '1 minute ago'],
      [7_200_000, '2 hours ago'],
    ];
    for (const [ms, words] of cases) assert.equal(since(ms), words);
  });

  it('name ciphers as people do, and unknown ones as they are', () => {
    assert.equal(cipherName('SRTP_AEAD_AES_256_GCM'), 'AES-256-GCM');
    assert.equal(cipherName('NEW'), 'NEW');
    assert.equal(dtlsName('FEFD'), 'DTLS 1.2');
    assert.equal(dtlsName('0000'), 'DTLS 0000');
  });
});

describe('comings and goings', () => {
  it('are one sentence', () => {
    assert.equal(sayComings({ joined: ['Ada'], left: [], epoch: 3 }), 'Ada joined · new key: epoch 3');
    assert.equal(
      sayComings({ joined: ['Ada', 'Bob'], left: ['Cleo'], epoch: null }),
      'Ada and Bob joined, Cleo left',
    );
    assert.equal(sayComings({ joined: [], left: [], epoch: 9 }), 'New key: epoch 9');
  });

  it('of many are counted', () => {
    const joined = Array.from({ length: 40 }, (_, index) => `P${index}`);
    assert.equal(sayComings({ joined, left: [], epoch: null }), 'P0 and 39 others joined');
  });
});

describe('names', () => {
  it('lose what the server would refuse', () => {
    assert.equal(cleanName('  Ada\u202E\n\u0000 '), 'Ada');
    assert.equal(cleanName('\ud800'), '\ufffd');
    assert.equal(cleanName(' \t '), '');
    assert.ok(cleanName('😀'.repeat(60)).length <= limits.nameLength);
    assert.ok(cleanName('a' + '😀'.repeat(60)).isWellFormed());
  });

  it('become initials and one of the hues', () => {
    assert.equal(initialsOf('Ada King Lovelace'), 'AL');
    assert.equal(initialsOf('  ada '), 'A');
    assert.equal(initialsOf('😀 x'), '😀X');
    assert.equal(initialsOf(''), '');
    for (const name of ['', 'Ada', '😀']) assert.ok(hueOf(name) >= 0 && hueOf(name) < hues);
  });
});
