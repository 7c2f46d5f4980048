// Who is handed which key messages, and again after its socket dropped. That they open is held by test/property/rekeyLaws.test.ts.

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Move } from '../../src/keys/rekey.ts';
import { KeyDelivery } from '../../src/meeting/keyDelivery.ts';
import type { Recipient } from '../../src/meeting/keyDelivery.ts';
import { epochId, lease } from '../../src/protocol/names.ts';
import type { Lease } from '../../src/protocol/names.ts';
import { serverEnvelope, serverNotices } from '../../src/protocol/signaling.ts';

/** A rekey of epoch e is the byte e, the welcome of a lease to it the bytes e and lease. */
const rekeyOf = (epoch: number): Uint8Array => new Uint8Array([epoch]);

const wordOf = (text: string): string => {
  const envelope = serverEnvelope.parse(JSON.parse(text));
  assert.ok('notice' in envelope);
  if (envelope.notice === 'activated')
    return `activated ${serverNotices.activated.parse(envelope.data).epoch}`;
  const { epoch, leases } = serverNotices.leases.parse(envelope.data);
  return `leases ${epoch}: ${leases.map(({ participantId, lease }) => `${participantId}=${lease}`).join(',')}`;
};

class Scene {
  readonly #byLease = new Map<Lease, Recipient>();
  readonly delivery = new KeyDelivery(this.#byLease);
  readonly heard = new Map<string, string[]>();

  join(participantId: string, number: number): this {
    const words: string[] = [];
    this.heard.set(participantId, words);
    this.#byLease.set(lease(number), {
      participantId,
      lease: lease(number),
      entered: true,
      keyed: false,
      acknowledged: -1,
      givenThrough: null,
      welcome: null,
      outlet: {
        sendText: (text) => void words.push(wordOf(text)),
        sendKeyMessage: ([epoch, of]) =>
          void words.push(of === undefined ? `rekey ${epoch}` : `welcome ${of} to ${epoch}`),
      },
    });
    return this;
  }

  /** `moves` are [from, to]; `joins` those that do not move. */
  minted(
    epoch: number,
    {
      joins = [],
      departures = [],
      moves = [],
      alone = false,
    }: {
      readonly joins?: readonly number[];
      readonly departures?: readonly number[];
      readonly moves?: readonly (readonly [number, number])[];
      /** Nobody who was there before stays. */
      readonly alone?: boolean;
    },
  ): this {
    const made: Move[] = moves.map(([from, to]) => ({ from: lease(from), to: lease(to) }));
    for (const { from, to } of made) {
      const member = this.#byLease.get(from);
      if (member === undefined) continue;
      this.#byLease.delete(from);
      this.#byLease.set(to, Object.assign(member, { lease: to }));
    }
    const welcomed = [...joins, ...moves.map(([, to]) => to)];
    const welcomes = welcomed.map((of) => ({ lease: lease(of), message: new Uint8Array([epoch, of]) }));
    const rekey = alone ? null : rekeyOf(epoch);
    const gone = [...departures, ...(alone ? [] : moves.map(([from]) => from))].map((number) =>
      lease(number),
    );
    this.delivery.minted({ epoch: epochId(epoch), rekey, welcomes }, made, gone);
    return this;
  }

  acknowledge(epoch: number, ...participants: string[]): this {
    for (const member of this.#byLease.values()) {
      if (participants.includes(member.participantId)) this.delivery.acknowledged(member, epochId(epoch));
    }
    return this;
  }

  member(participantId: string): Recipient {
    const found = [...this.#byLease.values()].find((member) => member.participantId === participantId);
    assert.ok(found);
    return found;
  }

  replay(participantId: string): string[] {
    this.forget();
    assert.equal(this.delivery.replay(this.member(participantId)), true);
    return this.of(participantId);
  }

  of(participantId: string): string[] {
    return this.heard.get(participantId) ?? [];
  }

  forget(): this {
    for (const words of this.heard.values()) words.length = 0;
    return this;
  }
}

/** A, B and C hold epoch 0 with the leases 1, 2 and 3. */
const three = (): Scene =>
  new Scene()
    .join('A', 1)
    .join('B', 2)
    .join('C', 3)
    .minted(0, { joins: [1, 2, 3], alone: true })
    .acknowledge(0, 'A', 'B', 'C')
    .forget();

describe('key messages', () => {
  it('are one rekey for who was there, and a welcome for who joins or moves', () => {
    const scene = three()
      .join('D', 4)
      .minted(1, { joins: [4], moves: [[3, 5]] });
    assert.deepEqual(scene.of('A'), ['rekey 1']);
    assert.deepEqual(scene.of('C'), ['welcome 5 to 1']);
    assert.deepEqual(scene.of('D'), ['welcome 4 to 1']);
  });

  it('are none for whom a renewal leaves behind, until its welcome', () => {
    const scene = three()
      .minted(1, { moves: [[1, 4]], departures: [2, 3] })
      .minted(2, {});
    assert.deepEqual(scene.of('B'), []);
    scene.minted(3, { moves: [[2, 5]] });
    assert.deepEqual(scene.of('B'), ['welcome 5 to 3']);
  });

  it('are none either for whom a new custodian has not admitted yet, whose old lease is in no tree', () => {
    const scene = three().minted(1, {
      moves: [
        [1, 4],
        [2, 5],
      ],
      alone: true,
    });
    assert.deepEqual(scene.of('C'), []);
    scene.minted(2, {});
    assert.deepEqual(scene.of('A'), ['welcome 4 to 1', 'rekey 2']);
    assert.deepEqual(scene.of('C'), []);
  });

  it('come after the leases that change with them, of who sends and of who did', () => {
    const scene = three();
    scene.delivery.sends(scene.member('B'));
    scene.minted(1, {
      moves: [
        [2, 4],
        [3, 5],
      ],
    });
    assert.deepEqual(scene.of('A'), ['leases 1: B=4', 'rekey 1']);
    assert.deepEqual(scene.of('B'), ['leases 1: B=4', 'welcome 4 to 1']);
  });
});

describe('who returns', () => {
  it('is sent what it lacks, in order, and the activation last', () => {
    const scene = three()
      .minted(1, {})
      .minted(2, { departures: [3] });
    scene.delivery.activated(epochId(1), new Uint8Array(16), 'operator');
    assert.deepEqual(scene.replay('A'), ['rekey 1', 'rekey 2', 'activated 1']);
  });

  it('is sent the rekeys before a welcome that was lost, and those after it', () => {
    const scene = three()
      .minted(1, {})
      .minted(2, { moves: [[1, 4]] })
      .minted(3, {});
    assert.deepEqual(scene.replay('A'), ['rekey 1', 'welcome 4 to 2', 'rekey 3']);
  });

  it('is sent nothing between two welcomes of which it lost the first', () => {
    const scene = three()
      .minted(1, {})
      .minted(2, { moves: [[1, 4]] })
      .minted(3, {});
    scene.minted(4, { moves: [[4, 5]] });
    assert.deepEqual(scene.replay('A'), ['rekey 1', 'welcome 5 to 4']);
    const joined = three()
      .join('D', 4)
      .minted(1, { joins: [4] })
      .minted(2, {});
    joined.minted(3, { moves: [[4, 5]] });
    assert.deepEqual(joined.replay('D'), ['welcome 5 to 3']);
  });

  it('is told the leases that changed with every epoch that it lacks, opened or not', () => {
    const scene = three();
    scene.delivery.sends(scene.member('B'));
    scene
      .minted(1, { moves: [[1, 4]] })
      .minted(2, { moves: [[2, 5]] })
      .minted(3, { moves: [[4, 6]] });
    assert.deepEqual(scene.replay('A'), ['leases 2: B=5', 'welcome 6 to 3']);
  });

  it('without the admission that waits for it is sent no welcome to that, nor a rekey after it', () => {
    const scene = three();
    scene.delivery.lost(lease(4));
    scene.minted(1, { moves: [[1, 4]] }).minted(2, {});
    assert.deepEqual(scene.of('A'), []);
    assert.deepEqual(scene.replay('A'), []);
    scene.minted(3, { moves: [[4, 5]] });
    assert.deepEqual(scene.of('A'), ['welcome 5 to 3']);
  });

  it('is told no activation of an epoch that it was not handed', () => {
    const scene = three().minted(1, { moves: [[1, 4]], departures: [2, 3] });
    scene.delivery.activated(epochId(1), new Uint8Array(16), 'renewal');
    assert.deepEqual(scene.of('B'), []);
    assert.deepEqual(scene.replay('B'), []);
  });
});
