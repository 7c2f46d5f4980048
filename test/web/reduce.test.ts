import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { reduce } from '../../src/web/state/reduce.ts';
import { firstState, keptEpochs, keptTroubles, noGuests, openDoor } from '../../src/web/state/state.ts';
import type { Action, Person, State } from '../../src/web/state/state.ts';
import { stageOf } from '../../src/web/state/tiles.ts';

const after = (...actions: Action[]): State => actions.reduce(reduce, firstState);

const person = (id: string, sending: Person['sending'] = []): Person => ({
  id,
  name: id.toUpperCase(),
  role: 'presenter',
  hand: null,
  sending,
});
const camera = { source: 'camera', muted: false } as const;
const microphone = { source: 'microphone', muted: false } as const;
const screen = { source: 'screen', muted: false } as const;

const epoch = (number: number) =>
  ({
    epoch: number,
    fingerprint: `f${number}`,
    chain: `c${number}`,
    trigger: 'join',
    at: number * 1_000,
  }) as const;

const joined = (...others: Person[]): Action => ({
  type: 'joined',
  meetingId: 'm',
  meetingName: null,
  selfId: 'me',
  role: 'presenter',
  kind: 'interactive',
  door: openDoor,
  guests: noGuests,
  people: [person('me', [microphone]), ...others],
  epoch: epoch(4),
});
const advice = { title: 'T', hint: 'H.' };

describe('the state', () => {
  it('goes from the lobby to the meeting and over', () => {
    const joining = after({ type: 'named', name: 'Ada' }, { type: 'joining' });
    assert.equal(joining.phase, 'joining');
    assert.equal(reduce(joining, { type: 'step', step: 'key' }).step, 'key');
    const meeting = reduce(joining, joined());
    assert.equal(meeting.phase, 'meeting');
    assert.equal(meeting.epochs[0]?.epoch, 4);
    const over = reduce(meeting, { type: 'over', reason: 'evicted', trouble: advice });
    assert.equal(over.phase, 'over');
    assert.equal(over.over, 'evicted');
    assert.equal(over.overTrouble, advice);
  });

  it('says that it reconnects until it has, or it is over', () => {
    const lost = after(joined(), { type: 'connection', lost: true });
    assert.equal(lost.reconnecting, true);
    assert.equal(reduce(lost, { type: 'connection', lost: false }).reconnecting, false);
    assert.equal(reduce(lost, { type: 'over', reason: 'connectionLost', trouble: null }).reconnecting, false);
  });

  it('keeps of a meeting that is over only who and where', () => {
    const over = after(
      { type: 'named', name: 'Ada' },
      joined(person('a')),
      { type: 'track', track: { trackId: 't', participantId: 'a', kind: 'video', source: 'camera' } },
      { type: 'trouble', advice },
      { type: 'panel', panel: 'key' },
      { type: 'invitation', invitation: { link: 'l', expiresAt: 1, copied: true } },
      { type: 'over', reason: 'left', trouble: null },
    );
    assert.deepEqual({ name: over.name, meetingId: over.meetingId }, { name: 'Ada', meetingId: 'm' });
    assert.deepEqual([over.people, over.tracks, over.epochs, over.troubles], [[], [], [], []]);
    assert.deepEqual([over.panel, over.invitation, over.stats, over.selfId], [null, null, null, null]);
  });

  it('asks for the secret and says why, in the lobby', () => {
    const state = after({ type: 'joining' }, { type: 'secretAsked', advice });
    assert.deepEqual([state.phase, state.asksSecret, state.joinTrouble], ['lobby', true, advice]);
    assert.equal(reduce(state, joined()).asksSecret, false);
  });

  it('does not repeat in the meeting what the lobby said about devices', () => {
    const lobby = after({ type: 'capture', kind: 'camera', change: { trouble: advice, deviceId: 'c' } });
    const { camera } = reduce(lobby, joined());
    assert.deepEqual([camera.trouble, camera.deviceId], [null, 'c']);
  });

  it('ignores a step that arrives when nobody joins any more', () => {
    assert.equal(after({ type: 'step', step: 'key' }).step, null);
  });

  it('shows the latest epoch first, each once, never one from the past, and only so many', () => {
    let state = after(joined());
    for (const number of [5, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14])
      state = reduce(state, { type: 'epoch', epoch: epoch(number) });
    assert.equal(state.epochs.length, keptEpochs);
    assert.deepEqual(
      state.epochs.map((known) => known.epoch),
      [14, 13, 12, 11, 10, 9, 8, 7],
    );
  });

  it('closes the panel whose button is pressed again', () => {
    const open = after({ type: 'panel', panel: 'key' });
    assert.equal(open.panel, 'key');
    assert.equal(reduce(open, { type: 'panel', panel: 'people' }).panel, 'people');
    assert.equal(reduce(open, { type: 'panel', panel: 'key' }).panel, null);
  });

  it('says one trouble once, and keeps only a few', () => {
    let state = after({ type: 'trouble', advice }, { type: 'trouble', advice });
    assert.equal(state.troubles.length, 1);
    for (let number = 0; number < 9; number++) {
      state = reduce(state, { type: 'trouble', advice: { title: `T${number}`, hint: 'H.' } });
    }
    assert.equal(state.troubles.length, keptTroubles);
    assert.equal(new Set(state.troubles.map(({ id }) => id)).size, keptTroubles);
    const [first] = state.troubles;
    assert.ok(first);
    assert.ok(!reduce(state, { type: 'dismissed', id: first.id }).troubles.includes(first));
  });

  it('never changes what it was given', () => {
    const frozen = Object.freeze(after(joined(person('a'))));
    Object.freeze(frozen.people);
    Object.freeze(frozen.epochs);
    reduce(frozen, { type: 'epoch', epoch: epoch(9) });
    reduce(frozen, { type: 'people', people: [] });
    assert.equal(frozen.people.length, 2);
  });
});

const ids = (state: State): string[] => stageOf(state).people.map(({ participantId }) => participantId);

describe('the stage', () => {
  const trackOf = (id: string, source: 'camera' | 'screen'): Action => ({
    type: 'track',
    track: { trackId: `${id} ${source}`, participantId: id, kind: 'video', source },
  });

  it('has others in order of joining and this person last', () => {
    const { people } = stageOf(after(joined(person('a'), person('b'))));
    assert.deepEqual(
      people.map(({ participantId }) => participantId),
      ['a', 'b', 'me'],
    );
    assert.deepEqual(
      people.map(({ self }) => self),
      [false, false, true],
    );
  });

  it('shows a picture only while its sender is not muted', () => {
    const shown = after(joined(person('a', [camera])), trackOf('a', 'camera'));
    assert.equal(stageOf(shown).people[0]?.trackId, 'a camera');
    const off = reduce(shown, {
      type: 'people',
      people: [person('me'), person('a', [{ ...camera, muted: true }])],
    });
    assert.equal(stageOf(off).people[0]?.trackId, null);
    const ended = reduce(shown, { type: 'trackEnded', trackId: 'a camera' });
    assert.equal(stageOf(ended).people[0]?.trackId, null);
  });

  it('marks who is silent and who speaks', () => {
    const state = after(joined(person('a', [microphone]), person('b')), { type: 'speakers', ids: ['a'] });
    const [a, b] = stageOf(state).people;
    assert.deepEqual([a?.silent, a?.speaking, b?.silent, b?.speaking], [false, true, true, false]);
  });

  it('gives each screen a tile of its own, beside its owner’s', () => {
    const state = after(
      joined(person('a', [screen, camera])),
      trackOf('a', 'screen'),
      trackOf('a', 'camera'),
    );
    const { screens, people } = stageOf(state);
    assert.deepEqual(
      screens.map(({ trackId }) => trackId),
      ['a screen'],
    );
    assert.equal(people[0]?.trackId, 'a camera');
  });

  it('has no tiles for the audience, nor for this person while it is there', () => {
    const viewer = (id: string): Person => ({ ...person(id), role: 'viewer' });
    const state = after(
      joined(person('a'), ...Array.from({ length: 900 }, (_, index) => viewer(`v${index}`))),
      { type: 'people', people: [viewer('me'), person('a'), viewer('v1')] },
    );
    assert.deepEqual(ids(state), ['a']);
  });

  it('shows nine at a time, this person on the first page, and turns no further than the last', () => {
    let state = after(joined(...Array.from({ length: 20 }, (_, index) => person(`p${index}`))));
    assert.equal(stageOf(state).pages, 3);
    assert.deepEqual(ids(state), ['p0', 'p1', 'p2', 'p3', 'p4', 'p5', 'p6', 'p7', 'me']);
    for (let times = 0; times < 5; times++) state = reduce(state, { type: 'turnPage', by: 1 });
    assert.deepEqual(ids(state), ['p17', 'p18', 'p19']);
    state = reduce(state, { type: 'people', people: [person('me'), person('p0')] });
    assert.deepEqual([ids(state), stageOf(state).page], [['p0', 'me'], 0]);
    for (let times = 0; times < 5; times++) state = reduce(state, { type: 'turnPage', by: -1 });
    assert.equal(stageOf(state).page, 0);
  });

  it('brings who speaks to the first page, where there is room for few', () => {
    const state = after(
      { type: 'room', perPage: 3 },
      joined(person('a'), person('b'), person('c'), person('d')),
      { type: 'speakers', ids: ['d'] },
    );
    assert.deepEqual(ids(state), ['a', 'd', 'me']);
    assert.equal(stageOf(state).pages, 2);
  });

  it('has a place for a shown screen before its picture comes, so that it is asked for', () => {
    const [shown] = stageOf(after(joined(person('a', [screen])))).screens;
    assert.deepEqual([shown?.participantId, shown?.trackId, shown?.video], ['a', null, true]);
  });

  it('shows who raised a hand', () => {
    const state = after(joined({ ...person('a'), hand: 1 }));
    assert.equal(stageOf(state).people[0]?.hand, true);
  });
});

describe('the role of this person', () => {
  const become = (state: State, role: State['role'] & string) => reduce(state, { type: 'role', role });
  const device = (wanted: boolean): Action => ({ type: 'capture', kind: 'microphone', change: { wanted } });

  it('on the stage is said until something is turned on, it is dismissed, or it is over', () => {
    const audience = become(after(joined()), 'viewer');
    assert.equal(audience.invitedToStage, false);
    const stage = become(audience, 'presenter');
    assert.deepEqual([stage.role, stage.invitedToStage], ['presenter', true]);
    assert.equal(become(stage, 'host').invitedToStage, true);
    assert.equal(reduce(stage, device(true)).invitedToStage, false);
    assert.equal(reduce(stage, { type: 'stageSeen' }).invitedToStage, false);
    assert.equal(become(stage, 'viewer').invitedToStage, false);
  });

  it('that was muted by a host says so until it unmutes', () => {
    const muted = after(joined(), device(false), { type: 'mutedByHost', muted: true });
    assert.equal(muted.mutedByHost, true);
    assert.equal(reduce(muted, device(true)).mutedByHost, false);
    assert.equal(become(muted, 'viewer').mutedByHost, false);
  });
});

describe('waiting to be let in', () => {
  it('is shown until joining goes on, is cancelled or fails', () => {
    const waiting = after({ type: 'joining' }, { type: 'waiting', reason: 'lobby' });
    assert.equal(waiting.waiting, 'lobby');
    assert.equal(reduce(waiting, { type: 'waiting', reason: 'backstage' }).waiting, 'backstage');
    for (const action of [
      { type: 'step', step: 'admission' },
      { type: 'cancelled' },
      { type: 'notJoined', advice },
      joined(),
    ] satisfies Action[]) {
      assert.equal(reduce(waiting, action).waiting, null, action.type);
    }
  });

  it('is nothing to who does not join any more', () => {
    assert.equal(after({ type: 'waiting', reason: 'busy' }).waiting, null);
  });
});

it('keeps the door and who waits before it', () => {
  const door = { locked: true, lobby: true, live: false };
  const guests = { count: 3, guests: [] };
  const state = after(joined(), { type: 'door', door }, { type: 'guests', guests });
  assert.deepEqual([state.door, state.guests], [door, guests]);
  assert.equal(reduce(state, { type: 'role', role: 'presenter' }).guests, noGuests, 'only hosts know');
  const over = reduce(state, { type: 'over', reason: 'left', trouble: null });
  assert.deepEqual([over.door, over.guests, over.seats.order], [openDoor, noGuests, []]);
});
