// Who is handed which key messages, and again to whom after its socket dropped. All of it is ciphertext: rekeys are kept for those who
// resume, welcomes until they are acknowledged. Nothing is repeated into a socket that stands still.

import type { RekeyAnswer } from '../custodian/custodian.ts';
import type { Move } from '../keys/rekey.ts';
import { toBase64Url } from '../protocol/bytes.ts';
import type { EpochId, Lease, Trigger } from '../protocol/names.ts';
import { limits } from '../protocol/timers.ts';
import { encodeNotice } from './member.ts';
import type { Member } from './member.ts';

/** What delivery needs of a member. */
export interface Recipient extends Pick<
  Member,
  'participantId' | 'lease' | 'entered' | 'keyed' | 'acknowledged' | 'givenThrough' | 'welcome'
> {
  readonly outlet: Pick<Member['outlet'], 'sendText' | 'sendKeyMessage'>;
}

type Messages = Pick<RekeyAnswer, 'epoch' | 'rekey' | 'welcomes'>;

interface KeptRekey {
  readonly epoch: EpochId;
  /** The leases that change with it; sent before it. */
  readonly leases: string | null;
  readonly rekey: Uint8Array | null;
}

/** Some 5 ms of writing to sockets. */
const toldAtOnce = 200;

interface Activation {
  readonly epoch: EpochId;
  readonly text: string;
}

export class KeyDelivery {
  readonly #byLease: ReadonlyMap<Lease, Recipient>;
  /** Those who have, or had, producers: others know a lease of theirs, and take the next producer for that lease's. */
  readonly #known = new WeakSet<Recipient>();
  readonly #lost = new Set<Lease>();
  /** The newest epochs, in order and without a gap. */
  readonly #kept: KeptRekey[] = [];
  #activation: Activation | null = null;

  constructor(byLease: ReadonlyMap<Lease, Recipient>) {
    this.#byLease = byLease;
  }

  /**
   * The same bytes to everybody who was there, and to each newcomer its own. Who departed meanwhile is not here any more. `moves` have been
   * made; `departures` are those of the mint. Answers how many were handed something.
   */
  minted(answer: Messages, moves: readonly Move[], departures: readonly Lease[]): number {
    const { epoch, rekey, welcomes } = answer;
    // Whose old lease left the tree opens nothing of this: it has its welcome, or was left behind by a renewal and waits for one.
    for (const lease of [...departures, ...moves.map(({ to }) => to)]) {
      const member = this.#byLease.get(lease);
      if (member !== undefined) member.keyed = false;
    }
    // Nobody who was there before is in the tree: after a custodian was lost those who have not been admitted anew are in none.
    if (rekey === null) for (const member of this.#byLease.values()) member.keyed = false;
    const leases = this.#leasesNotice(epoch, moves);
    this.#keep({ epoch, leases, rekey });
    let delivered = 0;
    for (const member of this.#byLease.values()) {
      if (leases !== null && member.entered) member.outlet.sendText(leases);
      if (!member.keyed || rekey === null) continue;
      member.outlet.sendKeyMessage(rekey);
      delivered++;
    }
    return delivered + this.#welcome(epoch, welcomes);
  }

  /** Newcomers of an epoch that is active already. */
  shared({ epoch, welcomes }: Messages): void {
    this.#welcome(epoch, welcomes);
    if (this.#activation?.epoch !== epoch) return;
    for (const { lease } of welcomes) this.#byLease.get(lease)?.outlet.sendText(this.#activation.text);
  }

  activated(epoch: EpochId, fingerprint: Uint8Array, trigger: Trigger): void {
    const text = encodeNotice('activated', { epoch, fingerprint: toBase64Url(fingerprint), trigger });
    const activation = { epoch, text };
    this.#activation = activation;
    const others: Recipient[] = [];
    for (const member of this.#byLease.values()) {
      if (!member.keyed) continue;
      if (this.#known.has(member)) member.outlet.sendText(text);
      else others.push(member);
    }
    this.#tellOthers(activation, others);
  }

  /** Those who send are told at once; with the others a thousand would hold the event loop twice as long as their keys do. */
  #tellOthers(activation: Activation, others: readonly Recipient[], from = 0): void {
    const end = from + toldAtOnce;
    // Who went meanwhile has nobody to hear it; who was welcomed meanwhile is told with its welcome, of this epoch or a later one.
    for (const member of others.slice(from, end)) if (member.keyed) member.outlet.sendText(activation.text);
    if (end >= others.length) return;
    setImmediate(() => {
      if (this.#activation === activation) this.#tellOthers(activation, others, end);
    });
  }

  /** It made a producer. */
  sends(member: Recipient): void {
    this.#known.add(member);
  }

  /** The admission of this lease was lost with a socket: its welcome opens nothing, and no rekey after it, until the next. */
  lost(lease: Lease): void {
    this.#lost.add(lease);
  }

  acknowledged(member: Recipient, epoch: EpochId): void {
    if (epoch > (member.givenThrough ?? -1)) return;
    member.acknowledged = Math.max(member.acknowledged, epoch);
    if (member.welcome !== null && member.welcome.epoch <= epoch) member.welcome = null;
  }

  /**
   * What the member lacks, in order, the activation last. False where what it lacks is not kept any more: it has to be admitted anew, and is
   * sent nothing until then.
   */
  replay(member: Recipient): boolean {
    const { welcome, outlet } = member;
    if (!member.keyed) return true;
    const reaches = this.#reaches(member.acknowledged);
    if (welcome === null && !reaches) {
      member.keyed = false;
      return false;
    }
    // Rekeys before a pending welcome are for the lease before, which may still open frames in flight; between the two there are some for none.
    const follows = (epoch: EpochId): boolean =>
      welcome === null || epoch > welcome.epoch || (reaches && epoch <= (welcome.through ?? -1));
    const lacking = this.#kept.filter(({ epoch }) => epoch > member.acknowledged);
    for (const kept of lacking) {
      // Also with what it cannot open: others' frames carry these leases from then on.
      if (kept.leases !== null) outlet.sendText(kept.leases);
      if (kept.epoch === welcome?.epoch) outlet.sendKeyMessage(welcome.message);
      else if (kept.rekey !== null && follows(kept.epoch)) outlet.sendKeyMessage(kept.rekey);
    }
    // Of an epoch that was shared, or is kept no more.
    if (welcome !== null && !lacking.some(({ epoch }) => epoch === welcome.epoch))
      outlet.sendKeyMessage(welcome.message);
    if (this.#activation !== null && has(member, this.#activation.epoch))
      outlet.sendText(this.#activation.text);
    return true;
  }

  /** What follows the acknowledged epoch is kept, or nothing followed. */
  #reaches(acknowledged: number): boolean {
    const [oldest] = this.#kept;
    return oldest === undefined || oldest.epoch <= acknowledged + 1;
  }

  #keep(kept: KeptRekey): void {
    this.#kept.push(kept);
    if (this.#kept.length > limits.keptRekeys) this.#kept.shift();
  }

  #welcome(epoch: EpochId, welcomes: RekeyAnswer['welcomes']): number {
    let delivered = 0;
    for (const { lease, message } of welcomes) {
      const member = this.#byLease.get(lease);
      if (member === undefined || this.#lost.delete(lease)) continue;
      // What came after a welcome that may be lost opens with nothing that it has.
      const through = member.welcome === null ? member.givenThrough : member.welcome.through;
      member.welcome = { epoch, message, through };
      member.keyed = true;
      member.outlet.sendKeyMessage(message);
      delivered++;
    }
    for (const member of this.#byLease.values()) if (member.keyed) member.givenThrough = epoch;
    return delivered;
  }

  /** Of those who send or did: others' frames nobody expects. */
  #leasesNotice(epoch: EpochId, moves: readonly Move[]): string | null {
    const leases = moves.flatMap(({ to }) => {
      const member = this.#byLease.get(to);
      if (member === undefined || !this.#known.has(member)) return [];
      return { participantId: member.participantId, lease: to };
    });
    return leases.length === 0 ? null : encodeNotice('leases', { epoch, leases });
  }
}

/** It was handed this epoch, under this lease or the one before. */
const has = ({ welcome }: Recipient, epoch: EpochId): boolean =>
  welcome === null || epoch >= welcome.epoch || epoch <= (welcome.through ?? -1);
