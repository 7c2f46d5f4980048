// Whether what a ledger tells can have happened: the laws of PROTOCOL.md, "Ledger", over its lines in order. That no line was changed
// is for the verifier; here an honest file of a server that erred is found out, too.
//
// Not held against it: the clock. `at` is wall time, which an operator or NTP sets back; the order is that of the lines, and neither hash
// nor signature rests on time. How often it went back is counted. Nor the order in which leases begin: they are given at admission, and
// whoever was admitted first may come in second. That none is given twice is held.

import type { DepartureCause, EpochId, Lease } from '../protocol/names.ts';
import type { LedgerLine, LedgerLineType } from './ledgerLines.ts';

export interface StoryFault {
  readonly code: 'epoch_order' | 'story' | 'after_end';
  readonly message: string;
}

const wrong = (message: string): StoryFault => ({ code: 'story', message });
const disordered = (message: string): StoryFault => ({ code: 'epoch_order', message });

type Check = StoryFault | null;
type Checks = { readonly [T in LedgerLineType]: (line: LedgerLine<T>) => Check };

interface Present {
  lease: Lease;
  paused: boolean;
}

export class LedgerStory {
  #opened: LedgerLine<'opened'> | null = null;
  #ended: LedgerLine<'ended'> | null = null;
  #closed = false;
  readonly #present = new Map<string, Present>();
  /** Of everybody who ever came. */
  readonly #participants = new Set<string>();
  readonly #leases = new Set<Lease>();
  /** Left, and not told to be exposed no more. */
  readonly #departed = new Map<Lease, { readonly participant: string; readonly cause: DepartureCause }>();
  #mostPresent = 0;
  #nextEpoch = 0;
  #nextRetired = 0;
  #activated = -1;
  #settled = -1;
  /** n of the last `minted`; the next one covers it. */
  #lastMinted = 0;
  /** An epoch went that was never active: only the end does that. */
  #cutShort = false;
  #latestMs = 0;
  #clockSetBack = 0;

  get opened(): LedgerLine<'opened'> | null {
    return this.#opened;
  }

  /** When `ended` was written; null before. */
  get endedAt(): number | null {
    return this.#ended?.at ?? null;
  }

  get closed(): boolean {
    return this.#closed;
  }

  /** Minted so far. */
  get epochs(): number {
    return this.#nextEpoch;
  }

  get participants(): number {
    return this.#participants.size;
  }

  /** How often a time was before one that stands before it. */
  get clockSetBack(): number {
    return this.#clockSetBack;
  }

  /** Null where the line may follow those before it. After a fault nothing more is to be told. */
  tell<T extends LedgerLineType>(line: LedgerLine<T>): Check {
    if (this.#closed) return { code: 'after_end', message: 'a line after the closed ledger' };
    if ((this.#opened === null) !== (line.type === 'opened')) {
      return wrong('a ledger begins with the one line "opened"');
    }
    if ((this.#ended !== null) !== (line.type === 'closed')) {
      return wrong('after "ended" comes "closed", and nothing else');
    }
    if (line.at < this.#latestMs) this.#clockSetBack++;
    this.#latestMs = line.at;
    const check = this.#checks[line.type] as (line: LedgerLine<T>) => Check;
    return check(line);
  }

  readonly #checks: Checks = {
    opened: (line) => {
      this.#opened = line;
      return null;
    },
    joined: ({ participant, lease }) => {
      if (this.#participants.has(participant)) return wrong(`${participant} joins a second time`);
      const fault = this.#give(lease);
      if (fault !== null) return fault;
      this.#participants.add(participant);
      this.#present.set(participant, { lease, paused: false });
      this.#mostPresent = Math.max(this.#mostPresent, this.#present.size);
      return null;
    },
    moved: ({ participant, from, to }) => {
      const present = this.#present.get(participant);
      if (present?.lease !== from) return wrong(`${participant} moves from lease ${from}, which it has not`);
      if (to < from) return wrong(`${participant} moves to lease ${to}, which is below ${from}`);
      const fault = this.#give(to);
      if (fault === null) present.lease = to;
      return fault;
    },
    left: ({ participant, lease, cause }) => {
      const present = this.#present.get(participant);
      if (present?.lease !== lease)
        return wrong(`${participant} leaves with lease ${lease}, which it has not`);
      this.#present.delete(participant);
      this.#departed.set(lease, { participant, cause });
      return null;
    },
    minted: ({ n, epoch, through, sealedAt, mintedAt, delivered }) => {
      if (epoch !== this.#nextEpoch) return disordered(`epoch ${this.#nextEpoch} expected, got ${epoch}`);
      if (this.#cutShort) return disordered(`epoch ${epoch} is minted after the end`);
      if (through < this.#lastMinted || through >= n) {
        return disordered(`covers the lines through ${through}: ${this.#lastMinted} … ${n - 1} expected`);
      }
      if (sealedAt < mintedAt) this.#clockSetBack++;
      this.#nextEpoch++;
      this.#lastMinted = n;
      return this.#among(delivered);
    },
    shared: ({ epoch, leases }) => {
      if (this.#opened?.joinPolicy === 'every') return wrong('an epoch is shared under the policy "every"');
      if (epoch !== this.#nextEpoch - 1) return disordered(`epoch ${epoch} is shared and is not the newest`);
      return this.#whileLive(epoch) ?? this.#among(leases);
    },
    activated: ({ epoch, acknowledged, missed }) => {
      const fault = this.#whileLive(epoch) ?? this.#among(acknowledged + missed);
      if (fault !== null) return fault;
      if (epoch <= this.#activated) return disordered(`epoch ${epoch} is activated after ${this.#activated}`);
      if (this.#cutShort) return disordered(`epoch ${epoch} is activated after the end`);
      this.#activated = epoch;
      return null;
    },
    settled: ({ epoch }) => {
      const fault = this.#whileLive(epoch) ?? this.#onceActive(epoch);
      if (fault !== null) return fault;
      if (epoch <= this.#settled) return disordered(`epoch ${epoch} is settled after ${this.#settled}`);
      this.#settled = epoch;
      return null;
    },
    exposed: ({ participant, lease, cause, epoch }) => {
      const departed = this.#departed.get(lease);
      if (departed?.participant !== participant || departed.cause !== cause) {
        return wrong(`the exposure of lease ${lease}, which did not leave so, or was told before`);
      }
      this.#departed.delete(lease);
      return epoch === null || epoch < this.#nextEpoch
        ? null
        : disordered(`epoch ${epoch} is not minted yet`);
    },
    retired: ({ epoch, acknowledged, missed }) => {
      const fault = this.#minted(epoch) ?? this.#among(acknowledged + missed);
      if (fault !== null) return fault;
      if (epoch !== this.#nextRetired) {
        return disordered(`epoch ${this.#nextRetired} is to be retired, got ${epoch}`);
      }
      this.#nextRetired++;
      if (epoch > this.#activated) this.#cutShort = true;
      return null;
    },
    paused: ({ participant, epoch }) => this.#gate(participant, epoch, true),
    resumed: ({ participant, epoch }) => this.#gate(participant, epoch, false),
    restarted: () => null,
    ended: (line) => {
      const [somebody] = this.#present.keys();
      if (somebody !== undefined) return wrong(`${somebody} has not left`);
      if (this.#nextRetired < this.#nextEpoch) {
        return disordered(`epoch ${this.#nextRetired} is not retired`);
      }
      this.#ended = line;
      return null;
    },
    closed: ({ at }) => {
      this.#closed = true;
      return at === this.#ended?.at ? null : wrong('"closed" has another time than "ended"');
    },
  };

  #give(lease: Lease): Check {
    if (this.#leases.has(lease)) return wrong(`lease ${lease} is given a second time`);
    this.#leases.add(lease);
    return null;
  }

  #gate(participant: string, epoch: EpochId, paused: boolean): Check {
    const fault = this.#minted(epoch) ?? this.#onceActive(epoch);
    if (fault !== null) return fault;
    const present = this.#present.get(participant);
    if (present === undefined) return wrong(`${participant} is not here`);
    if (present.paused === paused) {
      return wrong(`${participant} is paused twice, or resumed and was not paused`);
    }
    present.paused = paused;
    return null;
  }

  #minted(epoch: EpochId): Check {
    return epoch < this.#nextEpoch ? null : disordered(`epoch ${epoch} is not minted yet`);
  }

  #whileLive(epoch: EpochId): Check {
    return epoch < this.#nextRetired ? disordered(`epoch ${epoch} is retired`) : this.#minted(epoch);
  }

  #onceActive(epoch: EpochId): Check {
    return epoch <= this.#activated ? null : disordered(`epoch ${epoch} is not active yet`);
  }

  /** Participants that are counted cannot be more than were ever here at once. */
  #among(counted: number): Check {
    if (counted <= this.#mostPresent) return null;
    return wrong(`${counted} participants are counted, and never were more than ${this.#mostPresent} here`);
  }
}
