// Who comes in at once, who waits, who does not come in.

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { Door } from '../../src/meeting/door.ts';
import { LatchkeyError } from '../../src/protocol/errors.ts';
import type { Role } from '../../src/protocol/names.ts';
import { limits } from '../../src/protocol/timers.ts';

interface Called {
  readonly told: string[];
  readonly gone: AbortController;
  /** `in`, or the code of why not; null while it waits. */
  outcome: string | null;
  readonly ended: Promise<void>;
}

const open = { locked: false, lobby: false, live: true };

const createScene = (state = open, most = 10) => {
  const happened: string[] = [];
  const door = new Door(state, {
    most,
    onChanged: () => happened.push('changed'),
    onGuests: () => happened.push('guests'),
  });
  let calls = 0;
  const call = (role: Role): Called => {
    const gone = new AbortController();
    const told: string[] = [];
    const name = `Guest ${++calls}`;
    const caller = {
      name,
      role,
      tokenId: name,
      onWaiting: (reason: string) => told.push(reason),
      gone: gone.signal,
    };
    const called: Called = {
      told,
      gone,
      outcome: null,
      ended: door.pass(caller).then(
        () => {
          called.outcome = 'in';
        },
        (thrown: unknown) => {
          called.outcome = thrown instanceof LatchkeyError ? thrown.code : 'another error';
        },
      ),
    };
    return called;
  };
  return { door, call, happened };
};

/** Everything that has been settled has been heard of. */
const settled = (): Promise<void> => new Promise((resolve) => void setImmediate(resolve));

describe('a door', () => {
  it('that is open lets everybody in at once', async () => {
    const { call, happened } = createScene();
    for (const role of ['host', 'presenter', 'viewer'] as const) {
      const one = call(role);
      await one.ended;
      assert.deepEqual([one.outcome, one.told], ['in', []]);
    }
    assert.deepEqual(happened, []);
  });

  it('that is locked lets nobody in but hosts', async () => {
    const { call } = createScene({ ...open, locked: true });
    const all = (['host', 'presenter', 'viewer'] as const).map(call);
    await Promise.all(all.map(({ ended }) => ended));
    assert.deepEqual(
      all.map(({ outcome }) => outcome),
      ['in', 'meeting_locked', 'meeting_locked'],
    );
  });

  it('with a lobby has everybody but hosts wait, and lets in whom a host names', async () => {
    const { door, call } = createScene({ ...open, lobby: true });
    const host = call('host');
    const ada = call('presenter');
    const bob = call('viewer');
    await settled();
    assert.deepEqual([host.outcome, ada.outcome, bob.outcome], ['in', null, null]);
    assert.deepEqual([ada.told, bob.told], [['lobby'], ['lobby']]);
    const { count, guests } = door.guests;
    assert.deepEqual(
      [count, guests.map(({ name, role, reason }) => [name, role, reason])],
      [
        2,
        [
          ['Guest 2', 'presenter', 'lobby'],
          ['Guest 3', 'viewer', 'lobby'],
        ],
      ],
    );
    const first = guests[0]?.waitingId ?? assert.fail();
    assert.equal(door.admit([first, first, 'nobody']), 1);
    await ada.ended;
    assert.deepEqual([ada.outcome, bob.outcome, door.waiting], ['in', null, 1]);
    const second = guests[1]?.waitingId ?? assert.fail();
    assert.equal(door.turnAway([first, second]), 1, 'who is in cannot be turned away any more');
    await bob.ended;
    assert.equal(bob.outcome, 'turned_away');
    assert.equal(door.waiting, 0);
  });

  it('before the meeting is live has viewers wait, and lets them in when it goes live', async () => {
    const { door, call, happened } = createScene({ ...open, live: false });
    const presenter = call('presenter');
    const viewer = call('viewer');
    await settled();
    assert.deepEqual([presenter.outcome, viewer.outcome, viewer.told], ['in', null, ['backstage']]);
    door.change({ live: true });
    await viewer.ended;
    assert.equal(viewer.outcome, 'in');
    assert.ok(happened.includes('changed'));
    assert.deepEqual(door.state, { locked: false, lobby: false, live: true });
  });

  it('tells who waits what it waits for now', async () => {
    const { door, call } = createScene({ locked: false, lobby: true, live: false });
    const viewer = call('viewer');
    door.change({ live: true });
    assert.deepEqual(viewer.told, ['backstage', 'lobby']);
    assert.deepEqual(door.waitingFor, { lobby: 1, backstage: 0 });
    door.change({ lobby: false });
    await viewer.ended;
    assert.equal(viewer.outcome, 'in');
  });

  it('that is locked keeps those waiting who would come in otherwise, until it is unlocked or a host lets them in', async () => {
    const { door, call } = createScene({ ...open, lobby: true });
    const ada = call('viewer');
    const bob = call('viewer');
    await settled();
    door.change({ locked: true, lobby: false });
    await settled();
    assert.deepEqual([ada.outcome, bob.outcome], [null, null]);
    const [first] = door.guests.guests;
    door.admit([first?.waitingId ?? assert.fail()]);
    await ada.ended;
    door.change({ locked: false });
    await bob.ended;
    assert.deepEqual([ada.outcome, bob.outcome], ['in', 'in']);
  });

  it('forgets who goes away while it waits', async () => {
    const { door, call, happened } = createScene({ ...open, lobby: true });
    const viewer = call('viewer');
    await settled();
    assert.ok(door.isWaiting('Guest 1'));
    viewer.gone.abort();
    await viewer.ended;
    assert.deepEqual([viewer.outcome, door.waiting, door.isWaiting('Guest 1')], ['closed', 0, false]);
    assert.deepEqual(happened, ['guests', 'guests']);
  });

  it('of a meeting that ended sends everybody away', async () => {
    const { door, call } = createScene({ ...open, lobby: true });
    const waiting = call('viewer');
    await settled();
    door.close(new LatchkeyError('meeting_ended'));
    const late = call('host');
    await Promise.all([waiting.ended, late.ended]);
    assert.deepEqual([waiting.outcome, late.outcome], ['meeting_ended', 'meeting_ended']);
  });

  it('has so many wait and no more, and names the first of them', async () => {
    const most = limits.guestsNamed + 1;
    const { door, call } = createScene({ ...open, lobby: true }, most);
    const all = Array.from({ length: most + 1 }, () => call('viewer'));
    await settled();
    assert.equal(all.at(-1)?.outcome, 'meeting_full');
    const { count, guests } = door.guests;
    assert.deepEqual([count, guests.length], [most, limits.guestsNamed]);
    assert.equal(door.admit(null), most);
    await Promise.all(all.map(({ ended }) => ended));
    assert.equal(door.waiting, 0);
  });
});
