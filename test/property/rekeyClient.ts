// A participant as the rekey machine's world has it, with the rules of src/client/session: two admissions while it is admitted anew, keys
// installed in order, the epoch that it was told to use followed or nothing sent. Its frames are rekeyFrames.ts.

import assert from 'node:assert/strict';
import { equalBytes, fromBase64Url } from '../../src/protocol/bytes.ts';
import { chainInput, decodeRekey, decodeWelcome } from '../../src/protocol/keyMessages.ts';
import type { EpochHead, Rekey, Welcome } from '../../src/protocol/keyMessages.ts';
import { epochId } from '../../src/protocol/names.ts';
import type { EpochId, Lease } from '../../src/protocol/names.ts';
import type { NoticeData } from '../../src/protocol/signaling.ts';
import { limits } from '../../src/protocol/timers.ts';
import type { Timers } from '../../src/protocol/timers.ts';
import { incarnation, messageOf } from './rekeyCustodian.ts';
import { ClientFrames } from './rekeyFrames.ts';
import { sha256 } from './rekeySuites.ts';
import type { Suite } from './rekeySuites.ts';
import { SyncTreeMember } from './rekeyTreeMember.ts';

export interface Traits {
  readonly stage: boolean;
  /** One way, each. */
  readonly upMs: number;
  readonly downMs: number;
  /** Installing a key. */
  readonly installMs: number;
  readonly confirms: 'always' | 'whileSending' | 'never';
  /** How long it takes to ask to be admitted anew; null for never. */
  readonly readmitsMs: number | null;
  /** What it acknowledges is another story. */
  readonly lies: boolean;
  /** Everything it says is said twice. */
  readonly stutters: boolean;
}

export type Up =
  | { readonly kind: 'acknowledged'; readonly epoch: EpochId; readonly fingerprint: Uint8Array }
  | { readonly kind: 'confirmed'; readonly epoch: EpochId }
  | { readonly kind: 'sends'; readonly sends: boolean }
  | { readonly kind: 'readmit' };

interface Installed {
  readonly fingerprint: Uint8Array;
  readonly chain: Uint8Array;
}

class Seat<H> {
  readonly lease: Lease;
  /** Until the welcome takes it. */
  leafKey: H | null;
  member: SyncTreeMember<H> | null = null;

  constructor(lease: Lease, leafKey: H) {
    this.lease = lease;
    this.leafKey = leafKey;
  }
}

export class ModelClient<H, S, K> {
  readonly id: string;
  readonly traits: Traits;
  readonly frames: ClientFrames<S, K>;
  readonly #suite: Suite<H, S, K>;
  #seat: Seat<H> | null = null;
  #waiting: Seat<H> | null = null;
  readonly #replaced = new Set<Lease>();
  readonly #installed = new Map<EpochId, Installed>();
  /** The newest activation that was told, followed or not. */
  #target: EpochId | null = null;
  using: EpochId | null = null;
  sends = false;
  /** Its page hangs: it hears and says nothing, and its media go on. */
  silent = false;

  constructor(id: string, traits: Traits, suite: Suite<H, S, K>, timers: Timers) {
    this.id = id;
    this.traits = traits;
    this.#suite = suite;
    this.frames = new ClientFrames(suite, timers);
  }

  /** What it proves when it resumes. */
  get leases(): Lease[] {
    return [this.#seat, this.#waiting].flatMap((seat) => (seat === null ? [] : [seat.lease]));
  }

  /** Everything that it acknowledged, the newest last. */
  get newest(): { readonly epoch: EpochId; readonly fingerprint: Uint8Array } | null {
    const last = [...this.#installed].at(-1);
    return last === undefined ? null : { epoch: last[0], fingerprint: this.#told(last[1].fingerprint) };
  }

  /** What it says of that when it resumes. */
  get confirmed(): EpochId | null {
    return this.#confirm().length > 0 ? this.using : null;
  }

  admitted(lease: Lease, leafKey: H): void {
    const seat = new Seat(lease, leafKey);
    if (this.#seat === null) {
      this.#seat = seat;
      this.frames.begin(lease);
      return;
    }
    if (this.#waiting !== null) this.#replace(this.#waiting);
    this.#waiting = seat;
  }

  keyMessage(bytes: Uint8Array, nowMs: number): Up[] {
    const decoded = this.#suite.symbols === null ? decode(bytes) : messageOf.get(bytes);
    assert.ok(decoded !== undefined);
    const up =
      'welcome' in decoded ? this.#welcome(decoded.welcome, nowMs) : this.#rekey(decoded.rekey, nowMs);
    return [...up, ...this.#follow(nowMs)];
  }

  activated({ epoch, fingerprint }: NoticeData<'activated'>, nowMs: number): Up[] {
    if (this.#target !== null && epoch < this.#target) return [];
    this.#target = epochId(epoch);
    const held = this.#installed.get(this.#target);
    const told = fromBase64Url(fingerprint);
    assert.ok(
      held === undefined || (told !== null && equalBytes(held.fingerprint, told)),
      'one story for all',
    );
    return this.#follow(nowMs);
  }

  toggleSending(): Up[] {
    this.sends = !this.sends;
    const told: Up = { kind: 'sends', sends: this.sends };
    return this.sends ? [told, ...this.#confirm()] : [told];
  }

  close(): void {
    for (const seat of [this.#seat, this.#waiting]) if (seat !== null) this.#end(seat);
    this.frames.close();
  }

  #welcome(welcome: Welcome, nowMs: number): Up[] {
    if (this.#replaced.has(welcome.lease)) return [];
    const seat = [this.#waiting, this.#seat].find((one) => one?.lease === welcome.lease);
    assert.ok(seat, `law 3: ${this.id} was admitted as ${welcome.lease}`);
    if (seat.member !== null) return this.#again(welcome.epoch);
    assert.ok(seat.leafKey !== null);
    const { member, session } = SyncTreeMember.open(this.#suite.opening, seat.leafKey, welcome);
    seat.leafKey = null;
    seat.member = member;
    if (seat === this.#waiting) {
      if (this.#seat !== null) this.#replace(this.#seat);
      this.#seat = seat;
      this.#waiting = null;
      this.frames.moveTo(seat.lease, welcome.epoch);
    }
    return this.#install(session, welcome, nowMs);
  }

  #rekey(rekey: Rekey, nowMs: number): Up[] {
    const member = this.#seat?.member;
    assert.ok(member, 'law 3: a rekey comes after the welcome');
    if (rekey.epoch <= member.epoch) return this.#again(rekey.epoch);
    return this.#install(member.apply(rekey), rekey, nowMs);
  }

  #install(session: H, head: EpochHead, nowMs: number): Up[] {
    const chain = sha256(chainInput(head));
    const before = this.#installed.get(epochId(Math.max(0, head.epoch - 1)));
    if (before !== undefined && head.epoch > 0)
      assert.ok(equalBytes(before.chain, head.previous), 'one story');
    const key = this.#suite.epochKey(session, { incarnation, epoch: head.epoch, chain });
    assert.ok(
      equalBytes(key.fingerprint, head.fingerprint),
      'the session key is the one that the message names',
    );
    this.frames.install(key, nowMs);
    this.#installed.set(head.epoch, { fingerprint: key.fingerprint, chain });
    for (const old of this.#installed.keys())
      if (this.#installed.size > limits.heldEpochs) this.#installed.delete(old);
    return this.#again(head.epoch);
  }

  #again(epoch: EpochId): Up[] {
    const installed = this.#installed.get(epoch);
    if (installed === undefined) return [];
    return [{ kind: 'acknowledged', epoch, fingerprint: this.#told(installed.fingerprint) }];
  }

  #told(fingerprint: Uint8Array): Uint8Array {
    return this.traits.lies ? fingerprint.map((byte) => byte ^ 1) : fingerprint;
  }

  /** Goes to the epoch that others use, or stops sending where it is not held. */
  #follow(nowMs: number): Up[] {
    if (this.#target === null) return [];
    if (this.using !== this.#target) {
      if (!this.#installed.has(this.#target)) {
        this.using = null;
        this.frames.stop();
        return [];
      }
      this.using = this.#target;
      this.frames.activate(this.#target, nowMs);
    }
    return this.#confirm();
  }

  #confirm(): Up[] {
    const { confirms } = this.traits;
    const tells = confirms === 'always' || (confirms === 'whileSending' && this.sends);
    return tells && this.using !== null ? [{ kind: 'confirmed', epoch: this.using }] : [];
  }

  #replace(seat: Seat<H>): void {
    this.#replaced.add(seat.lease);
    this.#end(seat);
  }

  #end(seat: Seat<H>): void {
    if (seat.leafKey !== null) this.#suite.opening.wipe(seat.leafKey);
    seat.member?.close();
  }
}

const decode = (bytes: Uint8Array): { rekey: Rekey } | { welcome: Welcome } =>
  bytes[0] === 2 ? { welcome: decodeWelcome(bytes).welcome } : { rekey: decodeRekey(bytes).rekey };
