// The gates before the senders' producers. Open from the confirmation of the active epoch until a grace ends without the next one,
// so that a running sender has confirmed the active epoch, or is counted by every active epoch whose grace it is in.

import type { EpochId } from '../protocol/names.ts';
import type { LiveEpoch, LiveEpochs } from './rekeyEpochs.ts';
import type { RekeyOutput } from './rekeyEvents.ts';
import type { RekeyMember } from './rekeyMember.ts';

interface Surroundings {
  readonly epochs: LiveEpochs;
  readonly tell: (output: RekeyOutput) => void;
  /** The last running sender confirmed the epoch, was paused, or went. */
  readonly onAllConfirmed: (live: LiveEpoch) => void;
}

export class RekeySenders {
  readonly #at: Surroundings;
  readonly #running = new Set<RekeyMember>();
  /** Told so, since they did not confirm in time. */
  readonly #paused = new Set<RekeyMember>();

  constructor(at: Surroundings) {
    this.#at = at;
  }

  get running(): number {
    return this.#running.size;
  }

  get paused(): number {
    return this.#paused.size;
  }

  /** Only of an epoch that is active or was, and whose key it acknowledged: who was told another story confirms nothing. */
  confirm(member: RekeyMember, epoch: EpochId): void {
    const { active } = this.#at.epochs;
    if (member.firstEpoch === null || epoch < member.firstEpoch) return;
    if (active === null || epoch > active.epoch) return;
    if (epoch > member.acknowledged || epoch <= member.confirmed) return;
    if (member.running) {
      for (const live of this.#at.epochs.unconfirmedBy(member))
        if (live.epoch <= epoch) this.#countDown(live);
    }
    member.confirmed = epoch;
    if (member.sends) this.open(member);
  }

  /**
   * Where it confirmed the active epoch; a confirmation of an older one lifts no pause. Whoever is moved by the one in flight waits for that:
   * what it sends is announced with its new lease, which frames of the active epoch do not carry.
   */
  open(member: RekeyMember): void {
    const { active } = this.#at.epochs;
    if (member.running || active === null) return;
    if (member.confirmed < Math.max(active.epoch, member.movedIn)) return;
    member.running = true;
    this.#running.add(member);
    this.#paused.delete(member);
    this.#at.tell({ kind: 'resume', lease: member.lease, epoch: active.epoch });
  }

  /** Its last producer is closed. */
  idle(member: RekeyMember): void {
    this.#paused.delete(member);
    if (!member.running) return;
    this.#tellPaused(member, 'idle');
    this.drop(member);
  }

  /** It is not waited for any more. */
  drop(member: RekeyMember): void {
    this.#paused.delete(member);
    if (!member.running) return;
    member.running = false;
    this.#running.delete(member);
    for (const live of this.#at.epochs.unconfirmedBy(member)) this.#countDown(live);
  }

  pauseBehind(live: LiveEpoch): void {
    for (const member of this.#running) {
      if (member.confirmed >= live.epoch) continue;
      this.#tellPaused(member, 'unconfirmed');
      this.drop(member);
      this.#paused.add(member);
    }
  }

  clear(): void {
    this.#running.clear();
    this.#paused.clear();
  }

  #tellPaused({ lease }: RekeyMember, why: 'unconfirmed' | 'idle'): void {
    const { active } = this.#at.epochs;
    if (active !== null) this.#at.tell({ kind: 'pause', lease, epoch: active.epoch, why });
  }

  #countDown(live: LiveEpoch): void {
    live.behind--;
    if (live.behind === 0) this.#at.onAllConfirmed(live);
  }
}
