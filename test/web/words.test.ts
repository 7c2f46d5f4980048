import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { errorCodes, LatchkeyError } from '../../src/protocol/errors.ts';
import { limits } from '../../src/protocol/timers.ts';
import { departureCauses, roles, triggers, waitingReasons } from '../../src/protocol/names.ts';
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
import { hostActions } from '../../src/web/state/roster.ts';
import { noGuests, openDoor } from '../../src/web/state/state.ts';
import {
  actionWords,
  sayBackstage,
  sayCounts,
  sayDoor,
  sayGuests,
  sayPage,
  sayRole,
  waitingWords,
} from '../../src/web/words/stageWords.ts';
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
    assert.equal(
      sayComings({ joined: ['Ada'], left: [], raised: [], epoch: 3 }),
      'Ada joined · new key: epoch 3',
    );
    assert.equal(
      sayComings({ joined: ['Ada', 'Bob'], left: ['Cleo'], raised: [], epoch: null }),
      'Ada and Bob joined, Cleo left',
    );
    assert.equal(sayComings({ joined: [], left: [], raised: [], epoch: 9 }), 'New key: epoch 9');
  });

  it('of many are counted', () => {
    const joined = Array.from({ length: 40 }, (_, index) => `P${index}`);
    assert.equal(sayComings({ joined, left: [], raised: [], epoch: null }), 'P0 and 39 others joined');
  });
});

describe('the words of stage and door', () => {
  it('exist for every reason to wait', () => {
    const titles = [...waitingReasons, 'busy' as const].map((reason) => {
      const { title, hint } = waitingWords[reason];
      assert.ok(isSentence(title) && isSentence(hint), reason);
      return title;
    });
    assert.equal(new Set(titles).size, titles.length);
  });

  it('tell each change of role apart', () => {
    const said = roles.flatMap((before) =>
      roles.filter((role) => role !== before).map((role) => sayRole(before, role)),
    );
    assert.equal(new Set(said).size, 4); // whoever comes to the audience, or to be a host, from wherever
    for (const text of said) assert.ok(isSentence(text));
  });

  it('say what changed of the door, to whom it concerns', () => {
    const locked = { ...openDoor, locked: true };
    assert.equal(sayDoor(openDoor, locked, 'viewer'), 'The meeting is locked');
    assert.equal(sayDoor(locked, openDoor, 'viewer'), 'The meeting is unlocked');
    const backstage = { ...openDoor, live: false };
    assert.match(sayDoor(backstage, openDoor, 'presenter'), /^The meeting is live/);
    assert.match(sayDoor(openDoor, backstage, 'presenter'), /^Backstage/);
    const lobby = { ...openDoor, lobby: true };
    assert.equal(sayDoor(openDoor, lobby, 'presenter'), '');
    assert.match(sayDoor(openDoor, lobby, 'host'), /lobby/);
    assert.match(sayDoor(lobby, openDoor, 'host'), /lobby/);
    assert.equal(sayDoor(openDoor, { ...openDoor }, 'host'), '');
    assert.match(sayDoor(openDoor, { locked: true, lobby: true, live: true }, 'host'), / · /);
  });

  it('say to hosts who waits for them, not who waits for the meeting', () => {
    const guest = { waitingId: 'w', name: 'Bob', role: 'presenter', reason: 'lobby' } as const;
    assert.equal(sayGuests(noGuests), '');
    assert.equal(sayGuests({ count: 1, guests: [guest] }), 'Bob waits to come in');
    assert.equal(sayGuests({ count: 40, guests: [guest] }), '40 people wait to come in');
    assert.equal(sayGuests({ count: 1, guests: [{ ...guest, reason: 'backstage' }] }), '');
    assert.match(sayBackstage(0), /^Backstage/);
    assert.match(sayBackstage(3), /3 waiting$/);
  });

  it('count', () => {
    assert.equal(sayCounts('broadcast', { onStage: 3, watching: 214 }), '3 on stage · 214 watching');
    assert.equal(sayCounts('broadcast', { onStage: 1, watching: 0 }), '1 on stage · 0 watching');
    assert.equal(sayCounts('interactive', { onStage: 5, watching: 0 }), '5 here');
    assert.equal(sayCounts('interactive', { onStage: 5, watching: 1 }), '5 on stage · 1 watching');
    assert.equal(sayPage(1, 5), 'Page 2 of 5');
  });

  it('exist for everything that a host may do', () => {
    for (const action of hostActions) assert.ok(isSentence(actionWords[action]));
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
