// Who may send, from the activation of an epoch to its retirement; and the meeting's end.

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { epochId, lease } from '../../src/protocol/names.ts';
import { limits } from '../../src/protocol/timers.ts';
import { fingerprintOf, leases, RekeyScene } from './rekeyScene.ts';

/** Epoch 1 active since the scene's now, since `joiner` came; everybody acknowledged it, nobody confirmed it. */
const activated = (senders: number[], viewers: number[] = []): RekeyScene => {
  const scene = RekeyScene.steady({ senders, viewers });
  scene.joinViewers(99).after(200).minted();
  return scene.acknowledge(1, ...senders, ...viewers, 99).forget();
};

/** The next epoch, for another viewer: minted 250 ms from now and acknowledged at once by all these. */
const rotate = (scene: RekeyScene, epoch: number, everybody: number[]): RekeyScene =>
  scene
    .joinViewers(100 + epoch)
    .after(250)
    .minted()
    .acknowledge(epoch, ...everybody, 100 + epoch);

describe('a sender', () => {
  it('is paused when its grace ends, and resumed by its confirmation', () => {
    const scene = activated([1, 2]).confirm(1, 1).after(1_999);
    assert.deepEqual(scene.words, []);
    scene.after(1);
    assert.deepEqual(scene.of('pause'), [{ kind: 'pause', lease: 2, epoch: 1, why: 'unconfirmed' }]);
    scene.after(60_000).forget().confirm(1, 2).confirm(1, 2);
    assert.deepEqual(scene.words, ['resume 2']);
  });

  it('is paused sooner after an eviction', () => {
    const scene = RekeyScene.steady({ senders: [1, 2], viewers: [3] });
    scene.depart('evicted', 3).minted().acknowledge(1, 1, 2).after(499);
    assert.deepEqual(scene.of('pause'), []);
    scene.after(1);
    assert.deepEqual(scene.words, ['mint + -3', 'activate 1', 'pause 1', 'pause 2', 'exposed 3']);
  });

  it('gets no other grace by the next activation', () => {
    const scene = activated([1, 2]);
    scene.after(1_500);
    rotate(scene, 2, [1, 2, 99]).confirm(2, 1).forget().after(249);
    assert.deepEqual(scene.words, []);
    scene.after(1);
    assert.deepEqual(scene.words, ['pause 2']);
  });

  it('that confirms in time has the whole grace of the epoch that follows', () => {
    const scene = activated([1, 2]).after(1_500);
    rotate(scene, 2, [1, 2, 99]).confirm(2, 1).confirm(1, 2).forget().after(1_999);
    assert.deepEqual(scene.of('pause'), []);
    scene.after(1);
    assert.deepEqual(
      scene.words.filter((word) => word !== 'retire 0'),
      ['pause 2'],
    );
  });

  it('that was paused is resumed by confirming the active epoch, and not by an older one', () => {
    const scene = activated([1, 2]).confirm(1, 1).after(2_000);
    rotate(scene, 2, [1, 2, 99]).confirm(2, 1).forget();
    scene.confirm(1, 2);
    assert.deepEqual(scene.words, []);
    scene.confirm(2, 2);
    assert.deepEqual(scene.words, ['resume 2']);
  });

  it('confirms nothing that is not active yet, nor what it has not acknowledged', () => {
    const scene = RekeyScene.steady({ senders: [1, 2] });
    scene.joinViewers(99).after(200).minted().acknowledge(1, 1, 99).confirm(1, 1);
    scene.step({ kind: 'acknowledged', lease: lease(2), epoch: epochId(1), fingerprint: fingerprintOf(5) });
    scene.after(2_000).confirm(1, 2).after(2_000);
    assert.deepEqual(
      scene.of('pause').map(({ lease }) => lease),
      [1, 2],
    );
    scene.confirm(1, 1, 2);
    assert.deepEqual(
      scene.of('resume').map(({ lease }) => lease),
      [1],
    );
  });

  it('that makes its first producer later is resumed only once it confirmed the active epoch', () => {
    const scene = activated([1], [2]).confirm(1, 1).sends(true, 2);
    assert.deepEqual(scene.words, []);
    scene.confirm(0, 2);
    assert.deepEqual(scene.words, []);
    scene.confirm(1, 2);
    assert.deepEqual(scene.words, ['resume 2']);
  });

  it('that had confirmed before it made a producer is resumed at once', () => {
    const scene = activated([1], [2]).confirm(1, 1, 2).sends(true, 2);
    assert.deepEqual(scene.words, ['resume 2']);
  });

  it('that just came confirms no epoch from before its first', () => {
    const scene = RekeyScene.steady({ senders: [1] });
    scene.join(2).sends(true, 2).after(200).minted().acknowledge(1, 2).confirm(0, 2);
    assert.deepEqual(scene.words, ['mint +2 -']);
    scene.acknowledge(1, 1).confirm(1, 2);
    assert.deepEqual(scene.words.slice(1), ['activate 1', 'start 2', 'resume 2']);
  });

  it('without producers is waited for no more, and its next producer waits for the active epoch', () => {
    const scene = activated([1, 2]).sends(false, 2).confirm(1, 1);
    assert.deepEqual(scene.of('pause'), [{ kind: 'pause', lease: 2, epoch: 1, why: 'idle' }]);
    scene.after(2_500).forget().sends(true, 2);
    assert.deepEqual(scene.words, []);
    scene.confirm(1, 2);
    assert.deepEqual(scene.words, ['resume 2']);
  });

  it('that just came may send once its first epoch is active, acknowledged and confirmed', () => {
    const scene = RekeyScene.steady({ senders: [1] });
    scene.join(2).sends(true, 2).after(200).minted().acknowledge(1, 1).confirm(0, 2).confirm(1, 2);
    assert.deepEqual(scene.words, ['mint +2 -']);
    scene.acknowledge(1, 2).confirm(1, 2);
    assert.deepEqual(scene.words.slice(1), ['activate 1', 'start 2', 'resume 2']);
  });
});

describe('a newcomer', () => {
  it('that is late starts when it acknowledges, whatever was activated since', () => {
    const scene = RekeyScene.steady({ senders: [1], viewers: leases(2, 60) });
    scene
      .join(61)
      .after(200)
      .minted()
      .acknowledge(1, ...leases(1, 60))
      .confirm(1, 1);
    rotate(scene, 2, leases(1, 60)).forget();
    scene.acknowledge(1, 61);
    assert.deepEqual(scene.words, ['start 61']);
  });

  it('acknowledges no epoch from before its first', () => {
    const scene = RekeyScene.steady({ senders: [1] });
    scene.join(2).after(200).acknowledge(0, 2).minted().acknowledge(0, 2).acknowledge(1, 1).confirm(0, 2);
    assert.deepEqual(scene.words, ['mint +2 -']);
  });
});

describe('exposure', () => {
  it('ends when the last running sender confirmed an epoch that the departed cannot derive', () => {
    const scene = RekeyScene.steady({ senders: [1, 2, 3], viewers: [4, 5] });
    scene.depart('left', 5).after(900).depart('lost', 4).after(100).minted().acknowledge(1, 1, 2, 3);
    scene.after(30).confirm(1, 1).confirm(1, 2).after(10);
    assert.deepEqual(scene.of('exposed'), []);
    scene.confirm(1, 3);
    const departures = [
      { lease: 5, cause: 'left', exposureMs: 1_040 },
      { lease: 4, cause: 'lost', exposureMs: 140 },
    ].map((one) => ({ ...one, epoch: 1, acknowledged: 3, missed: 0, paused: 0 }));
    assert.deepEqual(scene.of('exposed'), [{ kind: 'exposed', departures }]);
  });

  it('ends also where the last unconfirmed sender is paused, closes its producers, or departs', () => {
    const gone = (away: (scene: RekeyScene) => RekeyScene): string[] => {
      const scene = RekeyScene.steady({ senders: [1, 2], viewers: [3] });
      scene.depart('evicted', 3).minted().acknowledge(1, 1, 2).confirm(1, 1).after(100).forget();
      return away(scene).words.slice(0, 2);
    };
    assert.deepEqual(
      gone((scene) => scene.after(400)),
      ['pause 2', 'exposed 3'],
    );
    assert.deepEqual(
      gone((scene) => scene.sends(false, 2)),
      ['pause 2', 'exposed 3'],
    );
    assert.deepEqual(
      gone((scene) => scene.depart('left', 2)),
      ['exposed 3'],
    );
  });

  it('ends with a later epoch for whoever skipped one', () => {
    const scene = RekeyScene.steady({ senders: [1], viewers: [2, 3] });
    scene.depart('evicted', 3).minted().acknowledge(1, 1, 2).depart('evicted', 2).minted().acknowledge(2, 1);
    scene.confirm(2, 1);
    assert.deepEqual(
      scene.words.filter((word) => word.startsWith('exposed')),
      ['exposed 3', 'exposed 2'],
    );
  });

  it('lasts as long as the bound allows, and no longer, when everything is as slow as it may be', () => {
    const longest = (cause: 'left' | 'evicted'): number | undefined => {
      const scene = RekeyScene.steady({ senders: [1, 2, 3], viewers: [4] });
      scene.joinViewers(5).after(200).depart(cause, 4);
      // The rekey in flight is waited for: its custodian, then its slowest sender.
      scene.after(999).minted().acknowledge(1, 2, 3, 5).forget();
      scene.at(scene.machine.nextDeadline() ?? NaN).confirm(1, 2, 3);
      assert.deepEqual(scene.words, ['lagging 1', 'activate 1', 'start 5', 'mint + -4']);
      // Then the departure's own, and last of all a sender that acknowledges and does not confirm.
      scene.after(999).minted().acknowledge(2, 3, 5).after(10_000);
      assert.deepEqual(scene.of('pause').at(-1), { kind: 'pause', lease: 3, epoch: 2, why: 'unconfirmed' });
      return scene.of('exposed')[0]?.departures[0]?.exposureMs;
    };
    assert.equal(longest('left'), 2 * (999 + 2_000) + 2_000);
    assert.equal(longest('evicted'), 2 * (999 + 500) + 500);
  });

  it('is at its end with the activation where nobody sends', () => {
    const scene = RekeyScene.steady({ senders: [], viewers: [1, 2] });
    scene.depart('evicted', 2).minted().after(40).acknowledge(1, 1);
    assert.deepEqual(scene.words, ['mint + -2', 'activate 1', 'exposed 2']);
  });
});

describe('an epoch', () => {
  it('is retired when the receivers’ grace after its successor’s activation is over', () => {
    const scene = activated([1]).confirm(1, 1).after(2_999);
    assert.deepEqual(scene.words, []);
    scene.after(1);
    assert.deepEqual(scene.of('retire'), [{ kind: 'retire', epoch: 0, acknowledged: 1, missed: 0 }]);
    scene.assertCalm();
  });

  it('is retired sooner when more live than participants hold; who still sends under it is paused first', () => {
    const viewers = leases(3, 40);
    const scene = RekeyScene.steady({ senders: [1, 2], viewers }, { confirmGraceEvictedMs: 2_000 });
    const evictions = limits.heldEpochs - 1;
    for (let epoch = 1; epoch <= evictions; epoch++) {
      scene
        .depart('evicted', 2 + epoch)
        .after(5)
        .minted();
      scene.acknowledge(epoch, 1, 2, ...viewers).confirm(epoch, 1);
    }
    assert.deepEqual(scene.of('retire'), []);
    scene.forget().depart('evicted', 40).minted();
    assert.deepEqual(scene.words.slice(0, 3), ['mint + -40', 'pause 2', `exposed 3`]);
    // Of those who are still here: two senders and 22 of the viewers.
    assert.deepEqual(scene.of('retire'), [{ kind: 'retire', epoch: 0, acknowledged: 24, missed: 0 }]);
    assert.equal(scene.of('exposed').length, evictions);
  });
});

describe('the end of a meeting', () => {
  it('retires every epoch, tells every exposure, and leaves nothing to wait for', () => {
    const scene = RekeyScene.steady({ senders: [1, 2], viewers: [3, 4, 5] });
    scene.depart('evicted', 3).minted().acknowledge(1, 1, 2, 4, 5).depart('evicted', 4).depart('left', 5);
    scene.forget().step({ kind: 'end' });
    assert.deepEqual(scene.words, ['exposed 3,4,5', 'retire 0', 'retire 1']);
    assert.equal(scene.machine.nextDeadline(), null);
    assert.equal(scene.machine.activeEpoch, null);
    assert.equal(scene.machine.phase, 'steady');
    scene
      .forget()
      .join(9)
      .depart('left', 1)
      .acknowledge(1, 1)
      .confirm(1, 1)
      .step({ kind: 'end' })
      .after(60_000);
    assert.deepEqual(scene.words, []);
  });

  it('tells an exposure also when all is minted and activated, and only a sender has not confirmed', () => {
    const scene = RekeyScene.steady({ senders: [1], viewers: [2] });
    scene.depart('evicted', 2).minted().acknowledge(1, 1).after(30).forget().step({ kind: 'end' });
    assert.deepEqual(scene.words, ['exposed 2', 'retire 0', 'retire 1']);
  });

  it('retires also what was being minted', () => {
    const scene = RekeyScene.steady({ senders: [1] });
    scene.join(2).after(200).step({ kind: 'end' }).forget().after(10).minted();
    assert.deepEqual(scene.words, ['retire 1']);
  });
});
