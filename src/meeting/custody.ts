// What one incarnation asks of the custodian of now, and how it goes on with the next one after that was lost. Leases, epochs and the chain
// are all that has to be carried over, and nothing of it is secret.

import type { Continuation } from '../custodian/custodian.ts';
import { LatchkeyError, toLatchkeyError } from '../protocol/errors.ts';
import type { EndReason, Lease } from '../protocol/names.ts';
import type { Member } from './member.ts';
import type { MeetingContext, MeetingDescription } from './meetingContext.ts';
import type { MeetingLedger } from './meetingLedger.ts';

export interface Admitted {
  readonly admission: Uint8Array;
  readonly lease: Lease;
  /** Which custodian it was. */
  readonly custodian: number;
}

export class Custody {
  readonly incarnation: Uint8Array;
  readonly #meeting: MeetingDescription;
  readonly #context: MeetingContext;
  /** The custodian that holds this incarnation, by its number. */
  #number: number;
  /** The highest that was ever given. */
  #lastLease = 0;
  readonly #admitting = new Set<Promise<unknown>>();

  private constructor(
    meeting: MeetingDescription,
    context: MeetingContext,
    incarnation: Uint8Array,
    number: number,
  ) {
    this.#meeting = meeting;
    this.#context = context;
    this.incarnation = incarnation;
    this.#number = number;
  }

  static async begin(meeting: MeetingDescription, context: MeetingContext): Promise<Custody> {
    const number = context.custodianNumber();
    const { incarnation } = await context.custodian().openMeeting(openAsk(meeting));
    return new Custody(meeting, context, incarnation, number);
  }

  /** Whether the custodian of this number is still there. */
  isOf(number: number): boolean {
    return number === this.#number && number === this.#context.custodianNumber();
  }

  /** @throws LatchkeyError also `custodian_lost`, where the next one does not hold this meeting yet. */
  async admit(
    { participantId, role, tokenId }: Pick<Member, 'participantId' | 'role' | 'tokenId'>,
    publicKey: Uint8Array,
  ): Promise<Admitted> {
    const custodian = this.#number;
    if (!this.isOf(custodian)) throw new LatchkeyError('custodian_lost');
    const ask = { meeting: this.#meeting.id, participant: participantId, role, tokenId, publicKey };
    const admitting = this.#context.custodian().admit(ask);
    this.#admitting.add(admitting);
    const admitted = await admitting.finally(() => this.#admitting.delete(admitting));
    this.#lastLease = Math.max(this.#lastLease, admitted.lease);
    return { ...admitted, custodian };
  }

  /**
   * Resolves when whatever was being admitted is known to the meeting, or is not admitted: what a thief has seen at the custodian may be
   * just one of these.
   */
  async admissionsKnown(): Promise<void> {
    await Promise.allSettled(this.#admitting);
    // Joins are answered, and entered, in the same turn of the event loop.
    await new Promise((resolve) => void setImmediate(resolve));
  }

  /**
   * The same incarnation at the next custodian, which holds nobody of it. False where that one is lost as well by now: another comes.
   * @throws LatchkeyError where it refuses.
   */
  async goOn(from: Pick<Continuation, 'nextEpoch' | 'chain'>): Promise<boolean> {
    const number = this.#context.custodianNumber();
    const continues = { ...from, incarnation: this.incarnation, lastLease: this.#lastLease };
    try {
      await this.#context.custodian().openMeeting({ ...openAsk(this.#meeting), continues });
    } catch (thrown) {
      if (this.#context.custodianNumber() !== number) return false;
      throw thrown;
    }
    this.#number = number;
    return true;
  }

  /** Admitted, and nobody is here to use it. */
  async withdraw(lease: Lease): Promise<void> {
    try {
      await this.#context.custodian().withdraw({ meeting: this.#meeting.id, leases: [lease] });
    } catch (thrown) {
      if (toLatchkeyError(thrown).code === 'custodian_lost') return;
      const { log } = this.#context;
      const said = { event: 'admission.not_withdrawn', meeting: this.#meeting.id, lease, err: thrown };
      log.warn(said, 'an unused admission was not withdrawn');
    }
  }

  /** Everything is wiped, and the ledger signed and closed. */
  async conclude(ledger: Pick<MeetingLedger, 'end' | 'close'>, reason: EndReason): Promise<void> {
    const meeting = this.#meeting.id;
    const head = ledger.end(reason);
    let signature: Uint8Array | null = null;
    try {
      signature = await this.#context.custodian().closeMeeting({ meeting, ledger: head });
    } catch (thrown) {
      // Lost custodians hold nothing any more, and sign nothing.
      const said = { event: 'custodian.close_failed', meeting, err: thrown };
      this.#context.log.warn(said, 'the custodian did not close it');
    }
    ledger.close(signature);
  }
}

const openAsk = ({ id, joinPolicy, timers }: MeetingDescription) => ({
  meeting: id,
  joinPolicy,
  freshForMs: timers.freshForMs,
});
