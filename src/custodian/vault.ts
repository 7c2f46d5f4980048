// All meetings whose keys this process holds, and the laws that it keeps by itself: leases and epochs only rise, a lease joins
// once, nothing is sealed to whoever departed, and what a meeting had is wiped when it closes.

import { sign } from 'node:crypto';
import type { KeyObject } from 'node:crypto';
import { toHex } from '../protocol/bytes.ts';
import { LatchkeyError } from '../protocol/errors.ts';
import {
  admissionExports,
  admissionSignatureInput,
  encodeAdmission,
  encodeAdmissionTerms,
  encodeRekey,
  encodeRekeyBody,
  encodeWelcome,
  epochSignatureInput,
  ledgerSignatureInput,
  resumeProofInput,
  transportSignatureInput,
} from '../protocol/keyMessages.ts';
import type { AdmissionTerms, EpochSeal, Welcome } from '../protocol/keyMessages.ts';
import { lengths } from '../protocol/names.ts';
import { systemClock } from './clock.ts';
import type { CustodianClock } from './clock.ts';
import { HeldMeeting } from './heldMeeting.ts';
import type { AdmissionSecrets } from './heldMeeting.ts';
import { HpkeSender } from './hpkeSender.ts';
import type { CustodianAnswer, CustodianAsk } from './messages.ts';
import type { Randomness } from './randomness.ts';
import type { SlabKeys } from './slabKeys.ts';

interface Entry {
  readonly held: HeldMeeting;
  /** Slots that those who wait may need when they join. */
  reserved: number;
  /** What was said of the newest epoch: those who share it are told the same. */
  newest: Omit<Answer, 'minted' | 'rekey' | 'welcomes'> | null;
}

type Answer = CustodianAnswer<'rekey'>;
type Change = Omit<CustodianAsk<'rekey'>, 'meeting' | 'share'>;

/** The session key of the one rekey that is being made. */
const sessionSlots = 1;
/** Of an admission: its leaf's key and its resume secret. */
const admissionSlots = 2;
/**
 * Incarnations that were opened here are never continued here, or their leases could be given twice. Their names are kept, 16 bytes each;
 * a process that has had more goes on with none, which only a new one ever has to.
 */
const mostRemembered = 100_000;

export interface VaultParts {
  readonly keys: SlabKeys;
  readonly randomness: Randomness;
  readonly signingKey: KeyObject;
  readonly clock?: CustodianClock;
}

export class Vault {
  readonly #keys: SlabKeys;
  readonly #randomness: Randomness;
  readonly #signingKey: KeyObject;
  readonly #clock: CustodianClock;
  readonly #hpke: HpkeSender;
  readonly #meetings = new Map<string, Entry>();
  /** Of this process, also those that have ended. */
  readonly #incarnations = new Set<string>();
  /** In all meetings. Admissions leave this much free, so that no rekey, and no departure with it, ever fails for lack of room. */
  #reserved = 0;

  constructor({ keys, randomness, signingKey, clock = systemClock }: VaultParts) {
    this.#keys = keys;
    this.#randomness = randomness;
    this.#signingKey = signingKey;
    this.#clock = clock;
    this.#hpke = new HpkeSender(randomness);
  }

  get counts(): { meetings: number; leaves: number; waiting: number } {
    const meetings = [...this.#meetings.values()];
    return {
      meetings: meetings.length,
      leaves: meetings.reduce((sum, { held }) => sum + held.present, 0),
      waiting: meetings.reduce((sum, { held }) => sum + held.waiting, 0),
    };
  }

  openMeeting({ meeting, ...ask }: CustodianAsk<'openMeeting'>): CustodianAnswer<'openMeeting'> {
    if (this.#meetings.has(meeting)) throw new LatchkeyError('custodian_refused', 'the meeting is open');
    const { joinPolicy, freshForMs } = ask;
    const origin = ask.continues === undefined ? this.#begin() : this.#continue(ask.continues);
    if (this.#incarnations.size < mostRemembered) this.#incarnations.add(toHex(origin.incarnation));
    const held = new HeldMeeting(this.#keys, this.#clock, { ...origin, joinPolicy, freshForMs });
    this.#meetings.set(meeting, { held, reserved: 0, newest: null });
    return { incarnation: origin.incarnation };
  }

  admit({ meeting, ...who }: CustodianAsk<'admit'>): CustodianAnswer<'admit'> {
    const entry = this.#entry(meeting);
    const { held } = entry;
    const { incarnation } = held;
    this.#keys.ensure(admissionSlots + this.#reserved - entry.reserved + held.reserveFor(1) + sessionSlots);
    // Before anything can fail: the number is not given again.
    const lease = held.nextLease();
    const terms: AdmissionTerms = {
      ...who,
      meeting,
      incarnation,
      lease,
      number: lease,
      firstEpoch: held.firstEpoch,
    };
    const { enc, secrets } = this.#exportTo(terms);
    held.admit(lease, secrets);
    this.#reserve(entry);
    const signature = this.#sign(admissionSignatureInput(terms, enc));
    return { admission: encodeAdmission({ terms, enc, signature }), lease };
  }

  rekey({ share, ...ask }: CustodianAsk<'rekey'>): Answer {
    const entry = this.#entry(ask.meeting);
    if (share && ask.departures.length > 0) {
      throw new LatchkeyError('custodian_refused', 'who departs needs an epoch of its own');
    }
    const answer = (share ? this.#share(entry, ask) : null) ?? this.#mint(entry, ask);
    this.#reserve(entry);
    return answer;
  }

  withdraw({ meeting, leases }: CustodianAsk<'withdraw'>): null {
    const entry = this.#entry(meeting);
    for (const lease of leases) entry.held.withdraw(lease);
    this.#reserve(entry);
    return null;
  }

  verifyResume(ask: CustodianAsk<'verifyResume'>): CustodianAnswer<'verifyResume'> {
    const { held } = this.#entry(ask.meeting);
    const { lease, challenge, proof } = ask;
    const { incarnation } = held;
    return held.verifyResume(lease, resumeProofInput({ incarnation, lease, challenge }), proof);
  }

  signTransport({ meeting, ...transport }: CustodianAsk<'signTransport'>): CustodianAnswer<'signTransport'> {
    const { incarnation } = this.#entry(meeting).held;
    return this.#sign(transportSignatureInput({ ...transport, incarnation }));
  }

  closeMeeting({ meeting, ledger }: CustodianAsk<'closeMeeting'>): CustodianAnswer<'closeMeeting'> {
    const { incarnation } = this.#entry(meeting).held;
    this.#wipe(meeting);
    return this.#sign(ledgerSignatureInput({ ...ledger, incarnation }));
  }

  close(): void {
    for (const meeting of this.#meetings.keys()) this.#wipe(meeting);
  }

  #begin() {
    const incarnation = Buffer.alloc(lengths.incarnation);
    this.#randomness.fill(incarnation);
    const origin = { lastLease: 0, nextEpoch: 0, chain: new Uint8Array(lengths.hash) };
    return { ...origin, incarnation: new Uint8Array(incarnation) };
  }

  #continue(continues: NonNullable<CustodianAsk<'openMeeting'>['continues']>) {
    const name = toHex(continues.incarnation);
    if (this.#incarnations.has(name) || this.#incarnations.size >= mostRemembered) {
      throw new LatchkeyError('custodian_refused', 'an incarnation of this custodian cannot be gone on with');
    }
    return continues;
  }

  #exportTo(terms: AdmissionTerms): { enc: Uint8Array; secrets: AdmissionSecrets } {
    const { slots, filled } = this.#keys.fillPair((admissionKey, resumeSecret) =>
      this.#hpke.exportTo(terms.publicKey, encodeAdmissionTerms(terms), [
        { context: admissionExports.admissionKey, out: admissionKey },
        { context: admissionExports.resumeSecret, out: resumeSecret },
      ]),
    );
    return { enc: filled, secrets: { admissionKey: slots[0], resumeSecret: slots[1] } };
  }

  #mint(entry: Entry, { trigger, ledger, joins, departures }: Change): Answer {
    const { held } = entry;
    const { incarnation } = held;
    const mintedAt = this.#clock.wallMs();
    const made = held.rekey({ trigger, ledger, departures }, joins);
    const { epoch, fingerprint, chain } = made;
    const body = made.rekey === null ? null : encodeRekeyBody(made.rekey);
    const digest = body === null ? new Uint8Array(lengths.hash) : this.#keys.hash(body);
    const told = { epoch, trigger, fingerprint, chain, digest };
    const signature = this.#sign(epochSignatureInput({ ...told, incarnation }));
    entry.newest = { ...told, signature, mintedAt, sealedAt: this.#clock.wallMs() };
    const rekey = body === null ? null : encodeRekey(body, signature);
    return { ...entry.newest, minted: true, rekey, welcomes: encodeWelcomes(made.welcomes, entry.newest) };
  }

  #share({ held, newest }: Entry, { joins }: Change): Answer | null {
    const welcomes = newest === null ? null : held.share(joins);
    if (newest === null || welcomes === null) return null;
    return { ...newest, minted: false, rekey: null, welcomes: encodeWelcomes(welcomes, newest) };
  }

  #wipe(meeting: string): void {
    const entry = this.#entry(meeting);
    this.#meetings.delete(meeting);
    entry.held.close();
    this.#reserve(entry);
  }

  #entry(meeting: string): Entry {
    const entry = this.#meetings.get(meeting);
    if (entry === undefined) throw new LatchkeyError('meeting_not_found');
    return entry;
  }

  /** A session key that is kept to be shared gives way to what is reserved; a page that is needed for it is added now, not by a departure. */
  #reserve(entry: Entry): void {
    this.#reserved -= entry.reserved;
    entry.reserved = entry.held.reserveFor(0);
    this.#reserved += entry.reserved;
    const wanted = this.#reserved + sessionSlots;
    if (this.#keys.room < wanted) entry.held.forget();
    if (this.#keys.room >= wanted) this.#keys.ensure(wanted);
  }

  #sign(input: Uint8Array): Uint8Array {
    return new Uint8Array(sign(null, input, this.#signingKey));
  }
}

const encodeWelcomes = (welcomes: readonly Welcome[], seal: EpochSeal): Answer['welcomes'] =>
  welcomes.map((welcome) => ({ lease: welcome.lease, message: encodeWelcome(welcome, seal) }));
