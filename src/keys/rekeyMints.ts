// When a mint may be asked for, and what it carries. Between two mints lies `mintSpacingMs`, evictions excepted; after one that
// failed `custodianAnswerMs`; none is asked for while a rekey is in flight. When the custodian was lost, the next one holds nobody:
// then nothing but the rekey that gives everybody a key is minted first.

import type { JoinPolicy, Lease } from '../protocol/names.ts';
import type { Timers } from '../protocol/timers.ts';
import type { LiveEpochs } from './rekeyEpochs.ts';
import type { RekeyOutput } from './rekeyEvents.ts';
import type { RekeyMember } from './rekeyMember.ts';
import type { Asked, Moving, PendingRekey } from './rekeyPending.ts';
import type { Readmissions } from './rekeyReadmissions.ts';

interface Surroundings {
  readonly timers: Timers;
  readonly joinPolicy: JoinPolicy;
  readonly members: ReadonlyMap<Lease, RekeyMember>;
  readonly pending: PendingRekey;
  readonly epochs: LiveEpochs;
  readonly readmissions: () => Readmissions;
  readonly tell: (output: RekeyOutput) => void;
}

export class Mints {
  readonly #at: Surroundings;
  /** In flight. */
  #asked: Asked | null = null;
  #custodian: 'up' | 'lost' | 'empty' = 'up';
  /** When the last was asked for; a share that is answered with one is one. */
  #lastAskedAtMs = -Infinity;
  /** When the newest epoch was asked for: no later than its mint. */
  #newestAtMs = -Infinity;
  /** The last one failed: none before this. */
  #retryAtMs = -Infinity;

  constructor(at: Surroundings) {
    this.#at = at;
  }

  get asked(): Asked | null {
    return this.#asked;
  }

  get custodian(): 'up' | 'lost' | 'empty' {
    return this.#custodian;
  }

  moveOf(member: RekeyMember): Moving | undefined {
    return this.#asked?.moving.find((moving) => moving.member === member);
  }

  dueMs(nowMs: number): number {
    const { epochs, pending, readmissions, timers } = this.#at;
    if (epochs.inFlight !== null || this.#asked !== null || this.#custodian === 'lost') return Infinity;
    const { round, moveDueMs } = readmissions();
    if (this.#custodian === 'empty' && round !== null) return Math.max(moveDueMs, this.#retryAtMs);
    const causeMs = Math.min(pending.dueAtMs, moveDueMs, this.#intervalAtMs());
    const spacedMs =
      pending.evicts || this.#mayShare(nowMs) ? -Infinity : this.#lastAskedAtMs + timers.mintSpacingMs;
    return Math.max(causeMs, spacedMs, this.#retryAtMs);
  }

  /** A mint that failed leaves it due. */
  #intervalAtMs(): number {
    const none = this.#at.members.size === 0 || this.#newestAtMs === -Infinity;
    return none ? Infinity : this.#newestAtMs + this.#at.timers.intervalMs;
  }

  /** The joins that wait may be welcomed to the newest epoch: nobody's key has to change, and it is fresh enough. */
  #mayShare(nowMs: number): boolean {
    const { joinPolicy, timers, pending, epochs, readmissions } = this.#at;
    if (joinPolicy === 'every' || this.#custodian !== 'up') return false;
    if (!pending.onlyJoins || epochs.active === null) return false;
    const fresh = joinPolicy === 'never' || nowMs < this.#newestAtMs + timers.freshForMs;
    return fresh && this.#intervalAtMs() > nowMs && readmissions().moveDueMs > nowMs;
  }

  ask(nowMs: number): void {
    const { pending, readmissions, tell, timers } = this.#at;
    const share = this.#mayShare(nowMs);
    const round = readmissions().takeDue(nowMs);
    const asked = pending.take(nowMs, { round, share, stalledAtMs: nowMs + timers.custodianAnswerMs });
    this.#asked = asked;
    if (!share) this.#lastAskedAtMs = nowMs;
    for (const lease of asked.withdrawn) tell({ kind: 'withdrawn', lease });
    tell({
      kind: 'mint',
      joins: [...asked.newcomers, ...asked.moving.map(({ to }) => to)],
      departures: departuresOf(asked),
      trigger: asked.trigger,
      share,
      moves: asked.moving.map(({ from, to }) => ({ from, to })),
    });
  }

  /** What was asked for. */
  answered(kind: 'minted' | 'shared'): Asked | null {
    const asked = this.#asked;
    this.#asked = null;
    if (asked === null || kind === 'shared') return asked;
    this.#custodian = 'up';
    if (this.#at.members.size > 0) this.#newestAtMs = asked.askedAtMs;
    // Asked to share, the custodian minted.
    if (asked.share) this.#lastAskedAtMs = asked.askedAtMs;
    return asked;
  }

  failed(nowMs: number): Asked | null {
    const asked = this.#asked;
    this.#asked = null;
    if (asked !== null) this.#retryAtMs = nowMs + this.#at.timers.custodianAnswerMs;
    return asked;
  }

  custodianLost(): Asked | null {
    const asked = this.#asked;
    this.#asked = null;
    this.#custodian = 'lost';
    return asked;
  }

  custodianBack(): void {
    this.#retryAtMs = -Infinity;
    this.#custodian = this.#at.members.size === 0 ? 'up' : 'empty';
  }

  /** Nobody is here: whoever comes next needs nothing of what was. */
  emptied(): void {
    this.#lastAskedAtMs = -Infinity;
    this.#newestAtMs = -Infinity;
    if (this.#custodian === 'empty') this.#custodian = 'up';
  }

  end(): void {
    this.#asked = null;
  }
}

/** In the custodian's tree, and to be taken out of it. */
const departuresOf = ({ departures, moving, leftBehind }: Asked): Lease[] =>
  [
    ...departures.map(({ treeLease }) => treeLease),
    ...moving.map(({ member, from }) => (member.inTree ? from : null)),
    ...leftBehind.map(({ lease, inTree }) => (inTree ? lease : null)),
  ].filter((lease) => lease !== null);
