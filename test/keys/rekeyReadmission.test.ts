// Being admitted anew, each for itself: who lagged for too long, and whoever else answers with a new lease. A participant is moved from
// lease to lease in one rekey and stays the same member.

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { RekeyScene } from './rekeyScene.ts';

/** Sender 1 and viewers 2 and 3; 3 did not acknowledge epoch 1 and lags since the scene's now. */
const lagging = (): RekeyScene => {
  const scene = RekeyScene.steady({ senders: [1], viewers: [2, 3] });
  scene.demand('operator').minted().acknowledge(1, 1, 2).confirm(1, 1).after(2_000);
  scene.confirm(1, 1);
  assert.ok(scene.words.includes('lagging 3'));
  return scene.forget();
};

describe('whoever lags', () => {
  it('is asked to be admitted anew after the lag limit, again and again, until it caught up', () => {
    const scene = lagging().after(29_999);
    assert.deepEqual(scene.of('readmit'), []);
    scene.after(1);
    assert.deepEqual(scene.of('readmit'), [{ kind: 'readmit', leases: [3], reason: 'lagging' }]);
    scene.after(60_000);
    assert.equal(scene.of('readmit').length, 3);
    scene.forget().acknowledge(1, 3).after(100_000);
    assert.deepEqual(scene.words, ['caughtUp 3']);
  });

  it('is not asked when it departed, nor while a mint is in flight that may move it', () => {
    const gone = lagging().depart('left', 3).after(1_000).minted().acknowledge(2, 1, 2).confirm(2, 1);
    gone.forget().after(60_000);
    assert.deepEqual(gone.of('readmit'), []);
    const scene = lagging().after(29_900).demand('operator').after(500);
    assert.deepEqual(scene.of('readmit'), []);
    scene.minted();
    assert.deepEqual(scene.of('readmit'), [{ kind: 'readmit', leases: [3], reason: 'lagging' }]);
  });

  it('is moved in a rekey of its own, counted as behind until it acknowledges, and asked again if it does not', () => {
    const scene = lagging().after(30_000).readmitted([3, 13]).forget().after(200);
    assert.deepEqual(scene.words, ['mint + - 3>13']);
    assert.deepEqual(scene.of('mint')[0], {
      kind: 'mint',
      joins: [13],
      departures: [3],
      trigger: 'readmission',
      share: false,
      moves: [{ from: 3, to: 13 }],
    });
    scene.minted().acknowledge(2, 3, 1, 2).confirm(2, 1);
    assert.deepEqual(scene.words, ['mint + - 3>13', 'activate 2'], 'the old lease is nobody’s');
    scene.forget().after(29_800);
    assert.deepEqual(scene.of('readmit'), [{ kind: 'readmit', leases: [13], reason: 'lagging' }]);
    scene.forget().acknowledge(2, 13).after(60_000);
    assert.deepEqual(scene.words, ['caughtUp 13']);
  });

  it('shares its rekey with who comes and goes, under their trigger', () => {
    const scene = lagging().after(30_000).join(4).depart('left', 2).readmitted([3, 13]).forget().after(200);
    assert.deepEqual(scene.words, ['mint +4 -2 3>13']);
    assert.equal(scene.of('mint')[0]?.trigger, 'joinAndDeparture');
  });

  it('may answer twice, the last answer counts', () => {
    const scene = lagging().after(30_000).readmitted([3, 13]).after(100).readmitted([3, 23]).forget();
    scene.after(100);
    assert.deepEqual(scene.words, ['mint + - 3>23']);
    assert.deepEqual([...scene.custodian.waiting], [23]);
  });
});

describe('a move', () => {
  /** A sender on its way from 2 to 12. */
  const inFlight = (): RekeyScene => {
    const scene = RekeyScene.steady({ senders: [1, 2], viewers: [3] })
      .readmitted([2, 12])
      .after(200);
    assert.deepEqual(scene.words, ['mint + - 2>12']);
    return scene.forget();
  };

  it('leaves the participant what it is: a sender that is waited for, confirms and is paused as any', () => {
    const scene = inFlight().minted().acknowledge(1, 1, 3);
    assert.deepEqual(scene.words, []);
    scene.acknowledge(1, 12);
    assert.deepEqual(scene.words, ['activate 1'], 'it started long ago');
    scene.confirm(1, 1).after(2_000);
    assert.deepEqual(scene.words.at(-1), 'pause 12');
    scene.confirm(1, 12);
    assert.deepEqual(scene.words.at(-1), 'resume 12');
  });

  it('in flight takes an older epoch’s confirmation under the old lease, and after it none', () => {
    const scene = RekeyScene.steady({ senders: [1, 2] });
    scene.demand('operator').minted().acknowledge(1, 1, 2).confirm(1, 1).readmitted([2, 12]).after(250);
    scene.confirm(1, 2);
    assert.deepEqual(
      scene.of('settled').map(({ epoch }) => epoch),
      [1],
    );
    scene.minted().acknowledge(2, 1, 12).confirm(2, 1).confirm(2, 2).forget().after(2_000);
    assert.deepEqual(scene.of('pause'), [{ kind: 'pause', lease: 12, epoch: 2, why: 'unconfirmed' }]);
  });

  it('of one who departs before it is minted for is taken back', () => {
    const scene = RekeyScene.steady({ senders: [1, 2] })
      .readmitted([2, 12])
      .depart('left', 2);
    assert.deepEqual(scene.words, ['withdrawn 12']);
    scene.after(250);
    assert.deepEqual(scene.words.at(-1), 'mint + -2');
    assert.equal(scene.of('mint')[0]?.trigger, 'departure');
  });

  it('in flight of one who departs leaves the new lease to be taken out of the tree', () => {
    const scene = inFlight().depart('evicted', 2);
    assert.deepEqual(scene.words, []);
    scene.minted().acknowledge(1, 1, 3, 2, 12).confirm(1, 1);
    assert.deepEqual(scene.words, ['activate 1', 'mint + -12']);
    scene.minted().acknowledge(2, 1, 3).confirm(2, 1);
    assert.deepEqual(scene.words.slice(2), ['activate 2', 'exposed 2']);
    assert.equal(scene.of('exposed')[0]?.departures[0]?.epoch, 2);
  });

  it('in flight of one who departs, where the mint fails, leaves the old lease to be taken out of the tree', () => {
    const scene = inFlight().depart('evicted', 2).failed();
    assert.deepEqual(scene.words, ['withdrawn 12']);
    scene.after(1_000);
    assert.deepEqual(scene.words.at(-1), 'mint + -2');
  });

  it('in flight that fails waits for the next mint', () => {
    const scene = inFlight().failed().after(1_000);
    assert.deepEqual(scene.words, ['mint + - 2>12']);
    scene.minted().acknowledge(1, 1, 3, 12);
    assert.deepEqual(scene.words.at(-1), 'activate 1');
  });

  it('that is answered once more while it is in flight is followed by another', () => {
    const scene = inFlight().readmitted([2, 22]).minted().acknowledge(1, 1, 3).after(2_000);
    assert.deepEqual(scene.words.slice(0, 3), ['lagging 12', 'activate 1', 'mint + - 12>22']);
    scene.minted().acknowledge(2, 1, 3, 22).confirm(2, 1, 22);
    assert.ok(scene.words.includes('caughtUp 22'));
    const failed = inFlight().readmitted([2, 22]).failed().after(1_000);
    assert.deepEqual(failed.words, ['withdrawn 12', 'mint + - 2>22']);
    const gone = inFlight().readmitted([2, 22]).depart('evicted', 2).minted();
    assert.deepEqual(gone.words, ['withdrawn 22']);
  });

  it('for who is gone is taken back', () => {
    const scene = inFlight().minted().acknowledge(1, 1, 3, 12).forget().readmitted([2, 32], [7, 33]);
    assert.deepEqual(scene.words, ['withdrawn 32', 'withdrawn 33']);
  });

  it('before the first join of all comes with the new lease alone', () => {
    const scene = RekeyScene.steady({ senders: [1] })
      .join(2)
      .after(100)
      .readmitted([2, 12]);
    assert.deepEqual(scene.words, []);
    scene.after(100);
    assert.deepEqual(scene.words, ['withdrawn 2', 'mint + - 2>12']);
    assert.deepEqual(scene.of('mint')[0]?.departures, []);
    scene.minted().acknowledge(1, 1, 12);
    assert.deepEqual(scene.words.slice(2), ['activate 1', 'start 12']);
  });

  it('before the first join, in flight of one who departs, takes it out again, or takes nothing where the mint fails', () => {
    const scene = RekeyScene.steady({ senders: [1] })
      .join(2)
      .readmitted([2, 12])
      .after(200);
    scene.depart('evicted', 2).minted().acknowledge(1, 1).confirm(1, 1);
    assert.deepEqual(scene.words.slice(-2), ['activate 1', 'mint + -12']);
    const failed = RekeyScene.steady({ senders: [1] })
      .join(2)
      .readmitted([2, 12])
      .after(200);
    failed.forget().depart('evicted', 2).failed().after(60_000);
    assert.deepEqual(failed.words, ['withdrawn 12']);
    failed.assertCalm();
  });

  it('of one who departs before the first mint, after one that failed, leaves nothing', () => {
    const scene = RekeyScene.steady({ senders: [1] })
      .join(2)
      .readmitted([2, 12])
      .after(200)
      .failed()
      .forget();
    scene.depart('left', 2).after(60_000);
    assert.deepEqual(scene.words, ['withdrawn 12']);
    scene.assertCalm();
  });

  it('before the first join, of one who is evicted while its mint fails, hastens nothing', () => {
    const scene = RekeyScene.steady({ senders: [1] })
      .join(2)
      .readmitted([2, 12])
      .after(200);
    scene.depart('evicted', 2).failed().join(3).forget().after(1_000).minted();
    scene.acknowledge(1, 3).after(1_999);
    assert.deepEqual(scene.words, ['mint +3 -']);
    scene.after(1);
    assert.deepEqual(scene.words.slice(1, 3), ['lagging 1', 'activate 1']);
  });

  it('in flight keeps a first producer waiting for its epoch, whose frames alone carry the lease that is announced', () => {
    const scene = RekeyScene.steady({ senders: [1], viewers: [3] })
      .join(2)
      .after(200)
      .minted();
    scene.acknowledge(1, 1, 2, 3).confirm(1, 1, 2).readmitted([2, 12]).after(250).minted().forget();
    scene.sends(true, 12).confirm(1, 12);
    assert.deepEqual(scene.words, []);
    scene.acknowledge(2, 1, 3, 12).confirm(2, 12);
    assert.deepEqual(scene.words, ['activate 2', 'resume 12']);
  });

  it('of the last participant is taken out by whoever comes next', () => {
    const scene = RekeyScene.steady({ senders: [1] })
      .readmitted([1, 11])
      .after(200)
      .depart('left', 1);
    scene.minted().forget().join(2).after(200);
    assert.deepEqual(scene.words, ['mint +2 -11']);
  });

  it('waits where it was taken back with everything else', () => {
    const scene = RekeyScene.steady({ senders: [1] })
      .readmitted([1, 11])
      .depart('left', 1)
      .after(60_000);
    assert.deepEqual(scene.words, ['withdrawn 11', 'exposed 1']);
    assert.equal(scene.machine.nextDeadline(), null);
  });
});
