import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { nodeCrypto } from '../../src/client/session/nodeCrypto.ts';
import { epochId, lease, streamId } from '../../src/protocol/names.ts';
import { FrameOpenerSync } from '../../src/sframe/frameOpener.ts';
import { FrameSealerSync } from '../../src/sframe/frameSealer.ts';
import { SenderLeases } from '../../src/sframe/senderLeases.ts';
import { SenderStreams } from '../../src/sframe/senderStreams.ts';
import { incarnation, never, nodeEpochKey, now, opusFrame } from './streams.ts';

const stream = streamId(2);
const [first, second, third] = [lease(9), lease(12), lease(20)];

const sealerOf = (of: typeof first, epoch: number): FrameSealerSync<Buffer, Buffer> => {
  const claimed = new SenderStreams(of).claim(stream);
  const sealer = new FrameSealerSync(nodeCrypto, { stream: claimed, codec: 'opus', incarnation });
  sealer.install(nodeEpochKey(epoch), never);
  return sealer;
};

/** An opener of epochs 1 … 4, and the leases that it goes by. */
const opening = () => {
  const leases = new SenderLeases(first);
  const origin = { lease: first, stream };
  const opener = new FrameOpenerSync(nodeCrypto, { origin, leases, codec: 'opus', incarnation });
  for (const epoch of [1, 2, 3, 4]) opener.install(nodeEpochKey(epoch));
  const open = (of: typeof first, epoch: number): string => {
    const result = opener.open(sealerOf(of, epoch).seal(opusFrame, now));
    return result.ok ? 'opened' : result.reason;
  };
  return { leases, opener, open };
};

describe('the leases of a sender', () => {
  it('go back to the first where another was taken to begin with epoch 0, and begins later', () => {
    const leases = new SenderLeases(first);
    leases.change(second, epochId(0));
    assert.equal(leases.at(0), second);
    leases.change(second, epochId(5));
    assert.deepEqual(
      [0, 4, 5].map((epoch) => leases.at(epoch)),
      [first, first, second],
    );
  });

  it('are the first until another begins, and that one from then on', () => {
    const leases = new SenderLeases(first);
    leases.change(second, epochId(3));
    leases.change(third, epochId(7));
    assert.deepEqual(
      [0, 2, 3, 6, 7, 1_000].map((epoch) => leases.at(epoch)),
      [first, first, second, second, third, third],
    );
    assert.equal(leases.newest, third);
    assert.equal(leases.first, first);
    assert.ok([first, second, third].every((one) => leases.has(one)));
    assert.ok(!leases.has(lease(10)));
  });

  it('begin where the last word says, and do not go back', () => {
    const leases = new SenderLeases(first);
    leases.change(second, epochId(3));
    leases.change(second, epochId(5));
    assert.deepEqual(
      [3, 4, 5].map((epoch) => leases.at(epoch)),
      [first, first, second],
    );
    leases.change(third, epochId(4));
    assert.deepEqual(
      [3, 4, 5].map((epoch) => leases.at(epoch)),
      [first, third, third],
    );
    assert.ok(!leases.has(second));
  });

  it('that are newer stay as they are when an older one is told late, or again', () => {
    const leases = new SenderLeases(first);
    leases.change(second, epochId(1));
    leases.change(third, epochId(3));
    leases.change(second, epochId(1));
    assert.deepEqual(
      [0, 1, 2, 3].map((epoch) => leases.at(epoch)),
      [first, second, second, third],
    );
    const late = new SenderLeases(first);
    late.change(third, epochId(3));
    late.change(second, epochId(1));
    assert.deepEqual(
      [0, 1, 2, 3].map((epoch) => late.at(epoch)),
      [first, second, second, third],
    );
  });

  it('are forgotten once the epochs that only they had are over', () => {
    const leases = new SenderLeases(first);
    assert.deepEqual(leases.forget(100), []);
    leases.change(second, epochId(3));
    assert.deepEqual(leases.forget(1), [], 'epoch 2 may still be open');
    assert.deepEqual(leases.forget(2), [first]);
    assert.equal(leases.at(3), second);
    assert.deepEqual(leases.forget(2), []);
  });
});

describe('an opener', () => {
  it('opens each epoch under the lease that it had, and under no other', () => {
    const { leases, open } = opening();
    leases.change(second, epochId(3));
    const outcomes = [1, 2, 3, 4].map((epoch) => [open(first, epoch), open(second, epoch)]);
    assert.deepEqual(outcomes, [
      ['opened', 'foreignOrigin'],
      ['opened', 'foreignOrigin'],
      ['foreignOrigin', 'opened'],
      ['foreignOrigin', 'opened'],
    ]);
    assert.equal(open(third, 4), 'foreignOrigin');
  });

  it('opens a frame once, under whichever lease, also while the word changes', () => {
    const { leases, opener } = opening();
    leases.change(second, epochId(2));
    const sealed = sealerOf(second, 3).seal(opusFrame, now);
    assert.equal(opener.open(sealed).ok, true);
    leases.change(second, epochId(4));
    assert.deepEqual(opener.open(sealed), { ok: false, reason: 'foreignOrigin' });
    leases.change(second, epochId(2));
    assert.deepEqual(opener.open(sealed), { ok: false, reason: 'replayed' });
  });

  it('wipes what it derived for every lease of an epoch that is retired', () => {
    const wiped: Buffer[] = [];
    const crypto = { ...nodeCrypto, wipe: (handle: Buffer) => void wiped.push(handle) };
    const leases = new SenderLeases(first);
    const opener = new FrameOpenerSync(crypto, {
      origin: { lease: first, stream },
      leases,
      codec: 'opus',
      incarnation,
    });
    opener.install(nodeEpochKey(1));
    assert.equal(opener.open(sealerOf(first, 1).seal(opusFrame, now)).ok, true);
    leases.change(second, epochId(1));
    assert.equal(opener.open(sealerOf(second, 1).seal(opusFrame, now)).ok, true);
    opener.retire(epochId(1));
    assert.equal(wiped.length, 2);
  });
});
