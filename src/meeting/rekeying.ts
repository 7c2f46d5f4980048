// Does what a meeting's rekey machine says: asks the custodian, hands its messages to the sockets, tells participants, opens and
// closes the gates before their media. It decides nothing by itself and holds one timer, at the machine's next deadline.

import type { Logger } from 'pino';
import type { Custodian, RekeyAnswer } from '../custodian/custodian.ts';
import { RekeyMachine } from '../keys/rekey.ts';
import type { RekeyInput, RekeyOutput } from '../keys/rekey.ts';
import { toBase64Url } from '../protocol/bytes.ts';
import { toLatchkeyError } from '../protocol/errors.ts';
import type { ErrorCode, LatchkeyError } from '../protocol/errors.ts';
import { mayProduce } from '../protocol/names.ts';
import type { DepartureCause, EpochId, Lease, Trigger } from '../protocol/names.ts';
import { encodeNotice } from './member.ts';
import type { Member } from './member.ts';
import type { MeetingContext } from './meetingContext.ts';

export interface RekeyCounts {
  readonly epochsHeld: number;
  readonly lagging: number;
  readonly paused: number;
}

interface Surroundings {
  readonly meeting: string;
  readonly custodian: Custodian;
  readonly context: MeetingContext;
  readonly log: Logger;
  readonly members: ReadonlyMap<string, Member>;
  /** The meeting's keys can no longer be rotated: it must end. */
  readonly onFailed: (code: ErrorCode) => void;
}

/** Mints that fail in a row before the meeting is ended. */
const maxMintFailures = 3;

type Doing = { readonly [K in RekeyOutput['kind']]: (output: Extract<RekeyOutput, { kind: K }>) => void };

export class Rekeying {
  readonly #at: Surroundings;
  readonly #machine: RekeyMachine;
  /** In the machine: those whose join it was told and whose departure it was not. */
  readonly #byLease = new Map<Lease, Member>();
  readonly #lagging = new Set<Lease>();
  readonly #paused = new Set<Lease>();
  #epochsHeld = 0;
  /** In a row. */
  #mintFailures = 0;
  #timer: NodeJS.Timeout | null = null;
  #closed = false;

  constructor(at: Surroundings) {
    this.#at = at;
    this.#machine = new RekeyMachine(at.context.timers);
  }

  /** The active epoch; null before the first. */
  get epoch(): EpochId | null {
    return this.#machine.activeEpoch;
  }

  get counts(): RekeyCounts {
    return { epochsHeld: this.#epochsHeld, lagging: this.#lagging.size, paused: this.#paused.size };
  }

  join(member: Member): void {
    this.#byLease.set(member.lease, member);
    this.#step({ kind: 'join', lease: member.lease, stage: mayProduce(member.role) });
  }

  depart({ lease }: Member, cause: DepartureCause): void {
    this.#lagging.delete(lease);
    this.#paused.delete(lease);
    if (this.#byLease.delete(lease)) this.#step({ kind: 'depart', lease, cause });
    else this.#withdraw(lease);
  }

  sends({ lease }: Member, sends: boolean): void {
    this.#step({ kind: 'sends', lease, sends });
  }

  acknowledged({ lease }: Member, epoch: EpochId, fingerprint: Uint8Array): void {
    this.#step({ kind: 'acknowledged', lease, epoch, fingerprint });
  }

  confirmed({ lease }: Member, epoch: EpochId): void {
    this.#step({ kind: 'confirmed', lease, epoch });
  }

  close(): void {
    if (this.#closed) return;
    this.#step({ kind: 'end' });
    this.#closed = true;
    this.#epochsHeld = 0;
    if (this.#timer !== null) clearTimeout(this.#timer);
  }

  #step(input: RekeyInput): void {
    if (this.#closed) return;
    for (const output of this.#machine.step(input, this.#at.context.nowMs())) this.#do(output);
    this.#setTimer();
  }

  #setTimer(): void {
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#timer = null;
    const deadline = this.#machine.nextDeadline();
    if (this.#closed || deadline === null) return;
    // Rounded up: a tick before the deadline would only set the timer again.
    const delayMs = Math.max(0, Math.ceil(deadline - this.#at.context.nowMs()));
    this.#timer = setTimeout(() => this.#step({ kind: 'tick' }), delayMs);
  }

  #do<K extends RekeyOutput['kind']>(output: Extract<RekeyOutput, { kind: K }>): void {
    const act = this.#doing[output.kind] as (output: Extract<RekeyOutput, { kind: K }>) => void;
    act(output);
  }

  readonly #doing: Doing = {
    mint: (output) => void this.#mint(output),
    withdrawn: ({ lease }) => this.#withdraw(lease),
    custodianStalled: ({ waitedMs }) => {
      this.#at.log.error({ event: 'custodian.stalled', waitedMs }, 'the custodian does not answer');
      this.#at.onFailed('custodian_timeout');
    },
    activate: ({ epoch, fingerprint, trigger, by, tookMs }) => {
      const text = encodeNotice('activated', { epoch, fingerprint: toBase64Url(fingerprint), trigger });
      for (const member of this.#byLease.values()) if (member.keyed) member.outlet.sendText(text);
      this.#at.context.events.activated(trigger, tookMs);
      this.#at.log.info({ event: 'epoch.activated', epoch, trigger, by, tookMs }, 'epoch activated');
    },
    start: ({ lease }) => this.#media(lease, (member) => member.media.start()),
    pause: ({ lease, epoch, why }) => {
      this.#media(lease, (member) => member.media.hold());
      if (why === 'unconfirmed') this.#tellPaused(lease, epoch, true);
    },
    resume: ({ lease, epoch }) => {
      this.#media(lease, (member) => member.media.release());
      this.#tellPaused(lease, epoch, false);
    },
    lagging: ({ lease, epoch }) => {
      this.#lagging.add(lease);
      this.#at.log.warn({ event: 'participant.lagging', lease, epoch }, 'no acknowledgement in time');
    },
    caughtUp: ({ lease }) => void this.#lagging.delete(lease),
    mismatch: ({ lease, epoch }) => {
      this.#at.log.error(
        { event: 'epoch.mismatch', lease, epoch },
        'a participant acknowledged another fingerprint',
      );
    },
    exposed: ({ departures }) => {
      for (const { lease, cause, exposureMs } of departures) {
        this.#at.context.events.exposure(exposureMs);
        this.#at.log.info(
          { event: 'departure.closed', lease, cause, exposureMs },
          'the departed can open nothing any more',
        );
      }
    },
    retire: () => void this.#epochsHeld--,
  };

  async #mint(mint: Extract<RekeyOutput, { kind: 'mint' }>): Promise<void> {
    const { trigger, joins, departures } = mint;
    try {
      const answer = await this.#at.custodian.rekey({
        meeting: this.#at.meeting,
        trigger,
        joins,
        departures,
        ledger: new Uint8Array(32),
        share: false,
      });
      if (this.#closed) return;
      this.#epochsHeld++;
      this.#mintFailures = 0;
      this.#at.context.events.minted(trigger);
      this.#deliver(answer);
      this.#step({ kind: 'minted', epoch: answer.epoch, fingerprint: answer.fingerprint });
    } catch (thrown) {
      if (this.#closed) return;
      this.#mintFailed(trigger, toLatchkeyError(thrown));
    }
  }

  /** Want of room may pass, and the machine asks again; what lasts must not leave the departed with a live key. */
  #mintFailed(trigger: Trigger, error: LatchkeyError): void {
    this.#mintFailures++;
    this.#at.log.error(
      { event: 'epoch.mint_failed', trigger, code: error.code, err: error },
      'no epoch was minted',
    );
    this.#step({ kind: 'mintFailed' });
    if (error.code !== 'slab_full' || this.#mintFailures >= maxMintFailures) this.#at.onFailed(error.code);
  }

  /** The same bytes to everybody who was there, and to each newcomer its own. Who departed meanwhile is not here any more. */
  #deliver({ rekey, welcomes }: RekeyAnswer): void {
    if (rekey !== null) {
      for (const member of this.#byLease.values()) if (member.keyed) member.outlet.sendKeyMessage(rekey);
    }
    for (const { lease, message } of welcomes) {
      const member = this.#byLease.get(lease);
      if (member === undefined) continue;
      member.keyed = true;
      member.outlet.sendKeyMessage(message);
    }
  }

  #withdraw(lease: Lease): void {
    if (this.#closed) return;
    const { custodian, meeting, log } = this.#at;
    custodian.withdraw({ meeting, leases: [lease] }).catch((thrown: unknown) => {
      log.warn(
        { event: 'admission.not_withdrawn', lease, err: thrown },
        'an unused admission was not withdrawn',
      );
    });
  }

  #media(lease: Lease, act: (member: Member) => Promise<void>): void {
    const member = this.#byLease.get(lease);
    if (member === undefined) return;
    act(member).catch((thrown: unknown) => {
      if (this.#closed || member.media.closed) return;
      this.#at.log.error(
        { event: 'media.failed', participant: member.participantId, err: thrown },
        'media did not follow',
      );
    });
  }

  #tellPaused(lease: Lease, epoch: EpochId, paused: boolean): void {
    if (this.#paused.has(lease) === paused) return;
    if (paused) this.#paused.add(lease);
    else this.#paused.delete(lease);
    this.#byLease.get(lease)?.outlet.sendText(encodeNotice('sendingPaused', { paused, epoch }));
  }
}
