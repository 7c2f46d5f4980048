// When a rekey is minted, for whom, and whom it waits for.

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { epochId, lease } from '../../src/protocol/names.ts';
import { fingerprintOf, leases, RekeyScene } from './rekeyScene.ts';

describe('a join', () => {
  it('gets its first epoch after the join window, and starts once the epoch is active and it acknowledged', () => {
    const scene = new RekeyScene().join(1).at(199);
    assert.deepEqual(scene.words, []);
    assert.equal(scene.machine.phase, 'gathering');
    scene.at(200);
    assert.deepEqual(scene.of('mint'), [
      { kind: 'mint', joins: [1], departures: [], trigger: 'join', share: false, moves: [] },
    ]);
    assert.equal(scene.machine.phase, 'minting');
    scene.at(230).minted();
    assert.equal(scene.machine.phase, 'distributing');
    scene.at(260).acknowledge(0, 1);
    assert.deepEqual(scene.words, ['mint +1 -', 'activate 0', 'start 1']);
    assert.deepEqual(scene.of('activate'), [
      {
        kind: 'activate',
        epoch: 0,
        fingerprint: fingerprintOf(0),
        trigger: 'join',
        by: 'quorum',
        tookMs: 60,
        acknowledged: 1,
        missed: 0,
      },
    ]);
    assert.deepEqual(scene.of('settled'), [{ kind: 'settled', epoch: 0 }]);
    assert.equal(scene.machine.phase, 'steady');
    assert.equal(scene.machine.activeEpoch, 0);
  });

  it('shares its rekey with those who join within its window', () => {
    const scene = new RekeyScene().join(1).at(150).join(2).at(199).join(3).at(200);
    assert.deepEqual(scene.words, ['mint +1,2,3 -']);
    assert.deepEqual(scene.times('mint'), [200]);
  });

  it('shares one rekey with departures', () => {
    const scene = RekeyScene.steady({ senders: [1, 2] });
    scene.join(3).after(100).depart('left', 2).after(100);
    const [mint] = scene.of('mint');
    assert.deepEqual([mint?.joins, mint?.departures, mint?.trigger], [[3], [2], 'joinAndDeparture']);
  });

  it('that is taken back before any mint needs no rekey', () => {
    const scene = RekeyScene.steady({ senders: [1] });
    scene.join(2).after(199).depart('left', 2).after(10_000);
    assert.deepEqual(scene.words, ['withdrawn 2']);
    assert.equal(scene.machine.phase, 'steady');
  });

  it('that is taken back while it is minted is a departure of the next rekey, and never starts', () => {
    const scene = RekeyScene.steady({ senders: [1] });
    scene.join(2).after(200).depart('left', 2).after(20).minted().acknowledge(1, 2, 1).after(250);
    assert.deepEqual(scene.words, ['mint +2 -', 'activate 1', 'mint + -2']);
    scene.minted().acknowledge(2, 2, 1).after(10_000);
    assert.equal(scene.of('start').length, 0);
  });
});

describe('a departure', () => {
  const mintedAfter = (cause: 'left' | 'evicted' | 'lost', who: number): number | undefined => {
    const scene = RekeyScene.steady({ senders: [1, 2], viewers: [3, 4] });
    const cutAtMs = scene.nowMs;
    return (scene.depart(cause, who).after(5_000).times('mint')[0] ?? NaN) - cutAtMs;
  };

  it('is gathered for by its cause and by where the departed stood', () => {
    assert.equal(mintedAfter('evicted', 2), 0);
    assert.equal(mintedAfter('evicted', 4), 0);
    assert.equal(mintedAfter('left', 2), 250);
    assert.equal(mintedAfter('lost', 2), 250);
    assert.equal(mintedAfter('left', 4), 1_000);
  });

  it('can bring the mint forward and never puts it off', () => {
    const scene = RekeyScene.steady({ senders: [1, 2], viewers: [3, 4] });
    scene.depart('left', 3).after(600).depart('left', 2).after(200).depart('left', 4);
    scene.after(50);
    assert.deepEqual(scene.times('mint'), [10_850]);
    assert.deepEqual(scene.of('mint')[0]?.departures, [3, 2, 4]);
  });

  it('is told once: whoever is gone cannot go again', () => {
    const scene = RekeyScene.steady({ senders: [1, 2] });
    scene.depart('left', 2).depart('evicted', 2).depart('left', 7);
    assert.deepEqual(scene.words, []);
  });

  it('of the last participant mints nothing, and the next to join shares no key with the departed', () => {
    const scene = RekeyScene.steady({ senders: [1, 2] });
    scene.depart('left', 1).after(10).depart('evicted', 2);
    assert.deepEqual(scene.words, ['exposed 1,2']);
    assert.deepEqual(
      scene.of('exposed')[0]?.departures.map(({ exposureMs }) => exposureMs),
      [10, 0],
    );
    scene.after(60_000);
    assert.equal(scene.machine.phase, 'steady');
    assert.equal(scene.machine.nextDeadline(), null);
    scene.join(3).after(199);
    assert.deepEqual(scene.words, ['exposed 1,2']);
    scene.after(1).minted().acknowledge(1, 3);
    assert.deepEqual(scene.words, ['exposed 1,2', 'mint +3 -1,2', 'activate 1', 'start 3']);
  });
});

describe('mints', () => {
  it('are spaced, except for an eviction', () => {
    const scene = RekeyScene.steady({ senders: [1], viewers: leases(2, 5) });
    scene
      .join(6)
      .after(200)
      .minted()
      .acknowledge(1, ...leases(1, 6))
      .join(7)
      .after(249);
    assert.equal(scene.of('mint').length, 1);
    scene.after(1);
    assert.deepEqual(scene.times('mint'), [10_200, 10_450]);
    scene
      .minted()
      .acknowledge(2, ...leases(1, 7))
      .depart('evicted', 5);
    assert.deepEqual(scene.times('mint'), [10_200, 10_450, 10_450]);
  });

  it('go out one at a time: whoever comes or goes meanwhile is in the one that follows', () => {
    const scene = RekeyScene.steady({ senders: [1, 2], viewers: [3] });
    scene.join(4).after(200).join(5).after(100).depart('left', 3);
    assert.equal(scene.machine.phase, 'minting');
    assert.equal(scene.machine.again, true);
    scene.after(400).minted().join(6).after(1_500);
    assert.deepEqual(scene.words, ['mint +4 -']);
    scene.acknowledge(1, 1, 2, 4);
    assert.deepEqual(scene.words, ['mint +4 -', 'activate 1', 'start 4', 'mint +5,6 -3']);
    assert.equal(scene.machine.again, false);
  });

  it('that follow keep their window when the rekey in flight is quick', () => {
    const scene = RekeyScene.steady({ senders: [1], viewers: [2, 3] });
    scene.join(4).after(200).depart('left', 3).minted().acknowledge(1, 1, 2, 4).confirm(1, 1);
    assert.equal(scene.machine.phase, 'gathering');
    scene.after(900).depart('left', 2).after(100);
    assert.deepEqual(scene.times('mint'), [10_200, 11_200]);
    assert.deepEqual(scene.of('mint')[1]?.departures, [3, 2]);
  });

  it('that nobody answers are told to be stalled, again and again, and an answer still counts', () => {
    const scene = new RekeyScene().join(1).at(2_300);
    assert.deepEqual(scene.words, ['mint +1 -', 'custodianStalled', 'custodianStalled']);
    assert.deepEqual(
      scene.of('custodianStalled').map(({ waitedMs }) => waitedMs),
      [1_000, 2_000],
    );
    scene.minted().acknowledge(0, 1).after(10_000);
    assert.deepEqual(scene.words.slice(3), ['activate 0', 'start 1']);
  });

  it('that fail are asked for again after a while, evictions too, with all who came and went', () => {
    const scene = RekeyScene.steady({ senders: [1, 2], viewers: [3] });
    scene.depart('evicted', 2).after(20).failed().join(4).after(10).depart('evicted', 3);
    scene.after(989);
    assert.equal(scene.of('mint').length, 1);
    scene.after(1);
    assert.deepEqual(scene.words, ['mint + -2', 'mint +4 -2,3']);
    assert.deepEqual(scene.times('mint'), [10_000, 11_020]);
  });

  it('that fail leave no trace of who joined and left meanwhile', () => {
    const scene = RekeyScene.steady({ senders: [1] });
    scene.join(2, 3).after(200).depart('evicted', 2).failed().after(5_000);
    assert.deepEqual(scene.words.slice(0, 3), ['mint +2,3 -', 'withdrawn 2', 'mint +3 -']);
  });

  it('that fail after everybody left wait for the next to join', () => {
    const scene = RekeyScene.steady({ senders: [1, 2] });
    scene.depart('evicted', 2).depart('left', 1).failed().after(5_000);
    assert.deepEqual(scene.words, ['mint + -2', 'exposed 2,1']);
    assert.equal(scene.machine.nextDeadline(), null);
    scene.join(3).after(200);
    assert.deepEqual(scene.of('mint')[1]?.departures.toSorted(), [1, 2]);
  });
});

describe('the quorum', () => {
  /** Distributing epoch 1, for lease 200 who joins. */
  const distributing = (people: { senders: number[]; viewers: number[] }): RekeyScene => {
    const scene = RekeyScene.steady(people);
    return scene.join(200).after(200).minted().forget();
  };

  it('is every sender and 98 % of the others, newcomers among them', () => {
    const scene = distributing({ senders: [1, 2], viewers: leases(3, 101) });
    scene.acknowledge(1, 1, ...leases(3, 100));
    assert.deepEqual(scene.words, []);
    scene.acknowledge(1, 2);
    assert.deepEqual(scene.words, ['activate 1']);

    const other = distributing({ senders: [1, 2], viewers: leases(3, 101) });
    other.acknowledge(1, 1, 2, ...leases(3, 99));
    assert.deepEqual(other.words, []);
    other.acknowledge(1, 200);
    assert.deepEqual(other.words, ['activate 1', 'start 200']);
  });

  it('asks for no more than the share where the product is a whole number', () => {
    const scene = distributing({ senders: [], viewers: leases(1, 149) });
    scene.acknowledge(1, ...leases(1, 146));
    assert.deepEqual(scene.words, []);
    scene.acknowledge(1, 147);
    assert.deepEqual(scene.words, ['activate 1']);
  });

  it('asks for everybody in a small meeting', () => {
    const scene = distributing({ senders: [], viewers: [1, 2] });
    scene.acknowledge(1, 1, 2);
    assert.deepEqual(scene.words, []);
    scene.acknowledge(1, 200);
    assert.deepEqual(scene.words, ['activate 1', 'start 200']);
  });

  it('counts a newcomer with producers among the others', () => {
    const scene = RekeyScene.steady({ senders: [1], viewers: leases(2, 99) });
    scene.join(200).sends(true, 200).after(200).minted().forget();
    scene.acknowledge(1, ...leases(1, 99));
    assert.deepEqual(scene.words, ['activate 1']);
  });

  it('is re-examined when somebody departs, and when a sender closes its last producer', () => {
    const scene = distributing({ senders: [1, 2], viewers: [] });
    scene.acknowledge(1, 1, 200).depart('left', 2);
    assert.deepEqual(scene.words, ['activate 1', 'start 200']);

    const other = distributing({ senders: [1, 2], viewers: leases(3, 60) });
    other.acknowledge(1, 1, 200, ...leases(3, 60)).sends(false, 2);
    assert.deepEqual(other.words, ['pause 2', 'activate 1', 'start 200']);
  });

  it('does not count twice who acknowledges twice', () => {
    const scene = distributing({ senders: [], viewers: [1, 2] });
    scene.acknowledge(1, 1, 1, 1, 200);
    assert.deepEqual(scene.words, []);
  });

  it('is not for those who come while it is collected', () => {
    const scene = distributing({ senders: [1], viewers: [] });
    scene.join(201).acknowledge(1, 201).acknowledge(1, 1, 200);
    assert.deepEqual(scene.words, ['activate 1', 'start 200']);
  });

  it('does not count another fingerprint, nor an epoch that was never minted', () => {
    const scene = distributing({ senders: [1], viewers: [] });
    scene.step({ kind: 'acknowledged', lease: lease(1), epoch: epochId(1), fingerprint: fingerprintOf(7) });
    scene.acknowledge(2, 1).acknowledge(1, 200);
    assert.deepEqual(scene.words, ['mismatch 1', 'mismatch 1']);
    scene.acknowledge(1, 1);
    assert.deepEqual(scene.words.slice(2), ['activate 1', 'start 200']);
  });
});

describe('the deadline', () => {
  it('activates without those who are silent, who lag and are not waited for again', () => {
    const scene = RekeyScene.steady({ senders: [1, 2] });
    scene.join(3).after(200).minted().acknowledge(1, 1, 3).confirm(1, 1).after(1_999);
    assert.deepEqual(scene.words, ['mint +3 -']);
    scene.after(1);
    assert.deepEqual(scene.words.slice(1), ['lagging 2', 'activate 1', 'start 3']);
    assert.equal(scene.of('activate')[0]?.by, 'deadline');
    scene.confirm(1, 1).join(4).after(200).minted().forget();
    scene.acknowledge(2, 1, 3, 4);
    assert.deepEqual(scene.words, ['activate 2', 'start 4']);
  });

  it('is behind whoever acknowledges the active epoch; an older one is not enough', () => {
    const scene = RekeyScene.steady({ senders: [1], viewers: [2] });
    scene.join(3).after(200).minted().acknowledge(1, 1, 3).after(2_000);
    scene.join(4).after(200).minted().acknowledge(2, 1, 3, 4).forget();
    scene.acknowledge(1, 2);
    assert.deepEqual(scene.words, []);
    scene.acknowledge(2, 2);
    assert.deepEqual(scene.words, ['caughtUp 2']);
    scene.join(5).after(250).minted().forget().acknowledge(3, 1, 3, 4, 5);
    assert.deepEqual(scene.words, [], 'waited for again');
    scene.acknowledge(3, 2);
    assert.deepEqual(scene.words, ['activate 3', 'start 5']);
  });

  it('stands also for those whom the quorum did not wait for', () => {
    const scene = RekeyScene.steady({ senders: [1], viewers: leases(2, 100) });
    scene
      .join(101)
      .after(200)
      .minted()
      .acknowledge(1, ...leases(1, 99), 101)
      .confirm(1, 1)
      .forget();
    scene.after(1_999);
    assert.deepEqual(scene.words, []);
    scene.after(1);
    assert.deepEqual(scene.words, ['lagging 100']);
  });

  it('waits for nobody once those who were missing departed', () => {
    const scene = RekeyScene.steady({ senders: [], viewers: leases(1, 100) });
    scene
      .joinViewers(101)
      .after(200)
      .minted()
      .acknowledge(1, ...leases(2, 101));
    assert.deepEqual(scene.times('activate'), [scene.nowMs]);
    scene
      .depart('left', 1)
      .after(1_000)
      .minted()
      .acknowledge(2, ...leases(2, 101))
      .after(999);
    assert.equal(scene.machine.nextDeadline(), scene.nowMs - 1_999 + 3_000, 'the retirement of epoch 0');
  });

  it('of an older epoch ends the waiting of the one in flight', () => {
    const scene = RekeyScene.steady({ senders: [1], viewers: leases(2, 60) });
    scene
      .join(61)
      .after(200)
      .minted()
      .acknowledge(1, ...leases(1, 59), 61)
      .confirm(1, 1);
    scene
      .depart('left', ...leases(2, 20))
      .after(1_000)
      .minted()
      .forget();
    scene.acknowledge(2, 1, ...leases(21, 59), 61);
    assert.deepEqual(scene.words, [], '40 of 41 others are 97.6 %');
    scene.after(1_000);
    assert.deepEqual(scene.words, ['lagging 60', 'activate 2']);
  });

  it('is shortened by an eviction, in whatever state the rekey in flight is, and never put off', () => {
    const activatedAt = (evictAfterMs: number): number => {
      const scene = RekeyScene.steady({ senders: [1, 2], viewers: [3] });
      scene.join(4).after(200);
      const askedAtMs = scene.nowMs;
      if (evictAfterMs < 0) scene.depart('evicted', 3).after(100).minted();
      else scene.after(100).minted().after(evictAfterMs).depart('evicted', 3);
      scene.after(5_000);
      return (scene.times('activate')[0] ?? NaN) - askedAtMs - 100;
    };
    assert.equal(activatedAt(-1), 500);
    assert.equal(activatedAt(0), 500);
    assert.equal(activatedAt(1_000), 1_500);
    assert.equal(activatedAt(1_900), 2_000);
  });

  it('of an eviction is short, and its rekey follows at once', () => {
    const scene = RekeyScene.steady({ senders: [1, 2], viewers: [3] });
    scene.depart('evicted', 3).minted().after(500);
    assert.deepEqual(scene.words, ['mint + -3', 'lagging 1', 'lagging 2', 'activate 1']);
  });

  it('is not moved by whoever comes after it and before the tick', () => {
    const scene = RekeyScene.steady({ senders: [1, 2] });
    scene.join(3).after(200).minted().acknowledge(1, 1, 3).forget();
    const nowMs = scene.nowMs + 2_005;
    const fingerprint = fingerprintOf(1);
    const outputs = scene.machine.step(
      { kind: 'acknowledged', lease: lease(2), epoch: epochId(1), fingerprint },
      nowMs,
    );
    assert.deepEqual(
      outputs.map(({ kind }) => kind),
      ['lagging', 'activate', 'start', 'caughtUp'],
    );
  });
});

describe('misuse', () => {
  it('is a RangeError that changes nothing', () => {
    const scene = RekeyScene.steady({ senders: [1] }).step({ kind: 'tick' });
    const minted = { kind: 'minted', epoch: epochId(1), fingerprint: fingerprintOf(1) } as const;
    const refused = (act: () => unknown): void => assert.throws(act, RangeError);
    refused(() => scene.machine.step({ kind: 'tick' }, scene.nowMs - 1));
    refused(() => scene.machine.step({ kind: 'tick' }, NaN));
    refused(() => scene.join(1));
    refused(() => scene.step(minted));
    scene.join(2).after(200);
    refused(() => scene.step({ ...minted, epoch: epochId(0) }));
    refused(() => scene.step({ ...minted, fingerprint: new Uint8Array(15) }));
    scene.minted().acknowledge(1, 1, 2);
    assert.deepEqual(scene.words, ['mint +2 -', 'activate 1', 'start 2']);
  });

  it('is none where a peer errs', () => {
    const scene = RekeyScene.steady({ senders: [1] });
    scene.acknowledge(0, 9).confirm(0, 9).sends(true, 9).depart('left', 9).confirm(9, 1);
    scene.failed();
    assert.deepEqual(scene.words, []);
  });
});
