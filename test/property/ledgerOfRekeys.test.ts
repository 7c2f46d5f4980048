// The ledger that the meeting's real loop writes, over arbitrary histories of people, acknowledgements, lost custodians and time: what an
// honest server writes is never found fault with, and is whole at the end. The custodian here takes its time and signs, and seals nothing.

import assert from 'node:assert/strict';
import { afterEach, beforeEach, it, mock } from 'node:test';
import fc from 'fast-check';
import { pino } from 'pino';
import { nodeLedgerTools } from '../../src/cli/nodeLedgerTools.ts';
import type { Custodian, RekeyAnswer, RekeyRequest } from '../../src/custodian/custodian.ts';
import { verifyLedger } from '../../src/keys/ledgerVerifier.ts';
import { ParticipantMedia } from '../../src/media/participantMedia.ts';
import { newMember, nowhere } from '../../src/meeting/member.ts';
import type { Member } from '../../src/meeting/member.ts';
import type { MeetingContext } from '../../src/meeting/meetingContext.ts';
import { Rekeying } from '../../src/meeting/rekeying.ts';
import { LatchkeyError } from '../../src/protocol/errors.ts';
import { ledgerSignatureInput } from '../../src/protocol/keyMessages.ts';
import {
  departureCauses,
  epochId,
  joinPolicies,
  lease,
  mayProduce,
  roles,
} from '../../src/protocol/names.ts';
import type { EpochId, JoinPolicy, Lease } from '../../src/protocol/names.ts';
import { defaultTimers } from '../../src/protocol/timers.ts';
import { LedgerScene, newSigner } from '../keys/ledgerScene.ts';

const seed = Number(process.env['LATCHKEY_TEST_SEED'] ?? Date.now() % 2 ** 31);
const signer = newSigner();

interface Asked {
  readonly request: RekeyRequest;
  readonly resolve: (answer: RekeyAnswer) => void;
  readonly reject: (error: LatchkeyError) => void;
}

/** Only what the loop calls does anything; the rest is never called. */
const unused = (): never => {
  throw new Error('nobody asks for this');
};

class World {
  readonly scene: LedgerScene;
  readonly rekeying: Rekeying;
  readonly present: Member[] = [];
  readonly joinPolicy: JoinPolicy;
  #asked: Asked[] = [];
  #lost = false;
  #lastLease = 0;
  #participants = 0;
  #newest: { readonly epoch: EpochId; readonly fingerprint: Uint8Array } | null = null;
  /** The custodian that minted the newest epoch is this one. */
  #sharable = false;
  failed: string | null = null;

  constructor(joinPolicy: JoinPolicy) {
    this.joinPolicy = joinPolicy;
    this.scene = new LedgerScene(signer, 1, joinPolicy);
    const log = pino({ level: 'silent' });
    const nothing = (): void => undefined;
    const context = {
      custodian: () => this.#custodian(),
      nowMs: () => Date.now(),
      log,
      events: {
        minted: nothing,
        activated: nothing,
        exposure: nothing,
        departed: nothing,
        recovered: nothing,
        acknowledged: nothing,
      },
    };
    this.rekeying = new Rekeying({
      // Intervals and renewals come about within a history.
      meeting: {
        id: 'meeting-1',
        kind: 'interactive',
        joinPolicy,
        timers: { ...defaultTimers, intervalMs: 20_000, renewalIntervalMs: 60_000, renewalSpreadMs: 5_000 },
        limits: { participants: 1_000, stage: 1_000 },
        door: { locked: false, lobby: false, live: true },
      },
      custodian: () => this.#custodian(),
      context: context as unknown as MeetingContext,
      log,
      ledger: this.scene.ledger,
      roster: { flush: nothing, leasesChanged: nothing },
      tell: nothing,
      withdraw: nothing,
      onStarted: nothing,
      onRetired: nothing,
      onFailed: (code) => {
        this.failed ??= code;
      },
    });
  }

  get asked(): number {
    return this.#asked.length;
  }

  #custodian(): Custodian {
    if (this.#lost) throw new LatchkeyError('custodian_lost');
    const rekey = (request: RekeyRequest): Promise<RekeyAnswer> =>
      new Promise((resolve, reject) => this.#asked.push({ request, resolve, reject }));
    return {
      pid: 1,
      publicKey: signer.publicKey,
      rekey,
      withdraw: () => Promise.resolve(),
      openMeeting: unused,
      admit: unused,
      verifyResume: unused,
      signTransport: unused,
      closeMeeting: unused,
      statistics: unused,
      onLost: unused,
      close: unused,
    };
  }

  answer(share: boolean): void {
    for (const { request, resolve } of this.#asked.splice(0, 1)) {
      const { joins, ledger, trigger } = request;
      const welcomes = joins.map((one) => ({ lease: one, message: new Uint8Array(1) }));
      if (request.share && share && this.#newest !== null && this.#sharable) {
        const { epoch, fingerprint } = this.#newest;
        const none = new Uint8Array(32);
        const shared = { minted: false, epoch, fingerprint, trigger, chain: none, digest: none };
        resolve({
          ...shared,
          signature: new Uint8Array(64),
          mintedAt: 0,
          sealedAt: 0,
          rekey: null,
          welcomes,
        });
        return;
      }
      const answer = this.scene.answer({ lines: 0, hash: ledger }, trigger);
      this.#newest = answer;
      this.#sharable = true;
      resolve({ ...answer, rekey: new Uint8Array(1), welcomes });
    }
  }

  refuse(): void {
    for (const { reject } of this.#asked.splice(0, 1)) reject(new LatchkeyError('slab_full'));
  }

  lose(): void {
    if (this.#lost) return;
    this.#lost = true;
    this.#sharable = false;
    for (const { reject } of this.#asked.splice(0)) reject(new LatchkeyError('custodian_lost'));
    this.rekeying.custodianLost();
  }

  replace(): void {
    if (!this.#lost) return;
    this.#lost = false;
    this.rekeying.custodianBack();
  }

  #nextLease(): Lease {
    return lease(++this.#lastLease);
  }

  join(pick: number): void {
    // Nobody is admitted while there is no custodian.
    if (this.#lost) return;
    const participantId = `participant-${++this.#participants}`;
    const lease = this.#nextLease();
    const member = newMember({
      participantId,
      name: participantId,
      role: roles[pick % roles.length] ?? 'host',
      lease,
      tokenId: participantId,
      // Without transports it has nothing to open or shut.
      media: new ParticipantMedia({} as ConstructorParameters<typeof ParticipantMedia>[0]),
      outlet: nowhere,
      admission: new Uint8Array(0),
      custodian: 1,
    });
    member.entered = true;
    this.present.push(member);
    this.rekeying.join(member);
  }

  leave(pick: number): void {
    for (const member of this.present.splice(pick % Math.max(1, this.present.length), 1)) {
      void this.rekeying.depart(member, departureCauses[pick % departureCauses.length] ?? 'left');
    }
  }

  /** To everybody, or but one. */
  acknowledge(pick: number): void {
    if (this.#newest === null) return;
    const { epoch, fingerprint } = this.#newest;
    for (const [index, member] of this.present.entries()) {
      if (pick % 3 === 0 && pick % this.present.length === index) continue;
      if (member.keyed && member.givenThrough === epoch)
        this.rekeying.acknowledged(member, epoch, fingerprint);
    }
  }

  confirm(pick: number): void {
    const { epochInUse } = this.rekeying;
    if (epochInUse === null) return;
    const epoch = epochId(epochInUse.number);
    for (const [index, member] of this.present.entries()) {
      if (pick % 3 === 0 && pick % this.present.length === index) continue;
      if (member.acknowledged >= epoch) this.rekeying.confirmed(member, epoch);
    }
  }

  send(pick: number): void {
    const member = this.present[pick % this.present.length];
    if (member !== undefined && mayProduce(member.role)) this.rekeying.sends(member, pick % 4 !== 0);
  }

  readmit(pick: number): void {
    if (this.#lost) return;
    for (const [index, member] of this.present.entries()) {
      if (member.readmit === null || (pick % 3 === 0 && pick % this.present.length === index)) continue;
      this.rekeying.readmitted(member, this.#nextLease());
    }
  }

  /** As an incarnation ends. */
  close(): string {
    this.rekeying.close();
    const { incarnation, ledger, signer } = this.scene;
    const { lines, hash } = ledger.end('meetingEnded');
    ledger.close(signer.sign(ledgerSignatureInput({ incarnation, lines, hash })));
    return this.scene.text;
  }
}

const deed = fc.record({
  what: fc.oneof(
    { weight: 6, arbitrary: fc.constant('join' as const) },
    { weight: 3, arbitrary: fc.constant('leave' as const) },
    { weight: 12, arbitrary: fc.constant('answer' as const) },
    { weight: 10, arbitrary: fc.constant('acknowledge' as const) },
    { weight: 8, arbitrary: fc.constant('confirm' as const) },
    { weight: 6, arbitrary: fc.constant('send' as const) },
    { weight: 5, arbitrary: fc.constant('readmit' as const) },
    { weight: 2, arbitrary: fc.constantFrom('operator' as const, 'compromise' as const) },
    { weight: 2, arbitrary: fc.constantFrom('lose' as const, 'refuse' as const) },
    { weight: 2, arbitrary: fc.constant('replace' as const) },
  ),
  pick: fc.nat(1_000),
  afterMs: fc.oneof(
    { weight: 6, arbitrary: fc.integer({ min: 0, max: 600 }) },
    { weight: 2, arbitrary: fc.integer({ min: 600, max: 6_000 }) },
    { weight: 1, arbitrary: fc.integer({ min: 6_000, max: 40_000 }) },
  ),
});

/** Whatever was resolved has gone on. */
const settle = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

beforeEach(() => mock.timers.enable({ apis: ['setTimeout', 'Date'], now: 1_800_000_000_000 }));
afterEach(() => mock.timers.reset());

it('what a meeting writes is sound at every moment, and whole at its end', async (t) => {
  const types = new Map<string, number>();
  const history = fc.array(deed, { maxLength: 120, size: 'max' });
  const property = fc.asyncProperty(fc.constantFrom(...joinPolicies), history, async (joinPolicy, deeds) => {
    const world = new World(joinPolicy);
    for (const { what, pick, afterMs } of deeds) {
      for (let left = afterMs; left > 0; left -= 250) mock.timers.tick(Math.min(left, 250));
      await settle();
      if (what === 'operator' || what === 'compromise') void world.rekeying.rekey(what);
      else if (what === 'answer') world.answer(pick % 2 === 0);
      else world[what](pick);
      await settle();
      if (world.failed !== null) break;
    }
    const running = verifyLedger(world.scene.text, nodeLedgerTools);
    assert.ok(running.ok && !running.closed, JSON.stringify(running) + world.scene.text);
    const text = world.close();
    const found = verifyLedger(text, nodeLedgerTools);
    assert.ok(found.ok && found.closed, JSON.stringify(found) + text);
    for (const line of world.scene.lines) {
      const type = /"type":"(\w+)"/.exec(line)?.[1] ?? '';
      types.set(type, (types.get(type) ?? 0) + 1);
    }
  });
  await fc.assert(property, { seed, numRuns: 500 });
  t.diagnostic(`seed ${seed}: ${[...types].map(([type, count]) => `${type} ${count}`).join(', ')}`);
  for (const type of ['moved', 'shared', 'settled', 'exposed', 'paused', 'resumed', 'restarted']) {
    assert.ok((types.get(type) ?? 0) > 10, `${type} is rare in these histories`);
  }
});
