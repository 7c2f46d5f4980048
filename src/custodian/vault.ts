// All meetings whose keys this process holds, and the laws that it keeps by itself: leases and epochs only rise, a lease joins
// once, nothing is sealed to whoever departed, and what a meeting had is wiped when it closes.

import { randomBytes, sign } from 'node:crypto';
import type { KeyObject } from 'node:crypto';
import { KeyTree } from '../keys/tree.ts';
import { heightFor } from '../keys/treePlan.ts';
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
  transportSignatureInput,
} from '../protocol/keyMessages.ts';
import type { AdmissionTerms } from '../protocol/keyMessages.ts';
import { lease as toLease, lengths, maxUint32 } from '../protocol/names.ts';
import type { Lease } from '../protocol/names.ts';
import { HpkeSender } from './hpkeSender.ts';
import type { CustodianAnswer, CustodianAsk } from './messages.ts';
import type { Slot } from './slab.ts';
import type { SlabKeys } from './slabKeys.ts';

interface HeldMeeting {
  readonly incarnation: Uint8Array;
  readonly tree: KeyTree<Slot>;
  /** Admission keys of those who have not joined yet. */
  readonly waiting: Map<Lease, Slot>;
  lastLease: number;
  /** Slots that those who wait may need when they join. */
  reserved: number;
}

/** The session key of the one rekey that is being made. */
const sessionSlots = 1;

export class Vault {
  readonly #keys: SlabKeys;
  readonly #signingKey: KeyObject;
  readonly #hpke = new HpkeSender();
  readonly #meetings = new Map<string, HeldMeeting>();
  /** In all meetings. Admissions leave this much free, so that no rekey, and no departure with it, ever fails for lack of room. */
  #reserved = 0;

  constructor(keys: SlabKeys, signingKey: KeyObject) {
    this.#keys = keys;
    this.#signingKey = signingKey;
  }

  get counts(): { meetings: number; leaves: number; waiting: number } {
    const meetings = [...this.#meetings.values()];
    return {
      meetings: meetings.length,
      leaves: meetings.reduce((sum, { tree }) => sum + tree.size, 0),
      waiting: meetings.reduce((sum, { waiting }) => sum + waiting.size, 0),
    };
  }

  openMeeting({ meeting }: CustodianAsk<'openMeeting'>): CustodianAnswer<'openMeeting'> {
    if (this.#meetings.has(meeting)) throw new LatchkeyError('custodian_refused', 'the meeting is open');
    const incarnation = new Uint8Array(randomBytes(lengths.incarnation));
    const tree = new KeyTree(this.#keys, incarnation);
    this.#meetings.set(meeting, { incarnation, tree, waiting: new Map(), lastLease: 0, reserved: 0 });
    return { incarnation };
  }

  admit({ meeting, ...who }: CustodianAsk<'admit'>): CustodianAnswer<'admit'> {
    const held = this.#held(meeting);
    if (held.lastLease >= maxUint32) throw new LatchkeyError('custodian_refused', 'no lease is left');
    const wanted = this.#reserved - held.reserved + reserveFor(held, 1);
    if (this.#keys.room < 1 + wanted + sessionSlots) throw new LatchkeyError('slab_full');
    // Before anything can fail: the number is not given again.
    held.lastLease++;
    const terms: AdmissionTerms = {
      ...who,
      meeting,
      incarnation: held.incarnation,
      lease: toLease(held.lastLease),
      number: held.lastLease,
      firstEpoch: held.tree.nextEpoch,
    };
    let enc: Uint8Array = new Uint8Array();
    const key = this.#keys.fill((out) => {
      // The resume secret is exported by the participant alone: until sockets can be resumed nobody asks for it.
      const exports = [{ context: admissionExports.admissionKey, out }];
      enc = this.#hpke.exportTo(terms.publicKey, encodeAdmissionTerms(terms), exports);
    });
    held.waiting.set(terms.lease, key);
    this.#reserve(held);
    const signature = this.#sign(admissionSignatureInput(terms, enc));
    return { admission: encodeAdmission({ terms, enc, signature }), lease: terms.lease };
  }

  rekey({ meeting, trigger, joins, departures, ledger }: CustodianAsk<'rekey'>): CustodianAnswer<'rekey'> {
    const held = this.#held(meeting);
    const joiners = joins.map((lease) => ({ lease, key: held.waiting.get(lease) ?? refuseLease(lease) }));
    const mintedAt = Date.now();
    const made = held.tree.rekey({ trigger, ledger, joins: joiners, departures });
    for (const lease of joins) held.waiting.delete(lease);
    this.#reserve(held);
    const { epoch, fingerprint, chain } = made;
    const body = made.rekey === null ? null : encodeRekeyBody(made.rekey);
    const digest = body === null ? new Uint8Array(lengths.hash) : this.#keys.hash(body);
    const signature = this.#sign(
      epochSignatureInput({ incarnation: held.incarnation, epoch, trigger, fingerprint, chain, digest }),
    );
    return {
      minted: true,
      epoch,
      trigger,
      fingerprint,
      chain,
      digest,
      signature,
      mintedAt,
      sealedAt: Date.now(),
      rekey: body === null ? null : encodeRekey(body, signature),
      welcomes: made.welcomes.map((welcome) => ({
        lease: welcome.lease,
        message: encodeWelcome(welcome, { digest, signature }),
      })),
    };
  }

  withdraw({ meeting, leases }: CustodianAsk<'withdraw'>): null {
    const held = this.#held(meeting);
    for (const lease of leases) this.#forget(held, lease);
    this.#reserve(held);
    return null;
  }

  verifyResume({ meeting, lease }: CustodianAsk<'verifyResume'>): CustodianAnswer<'verifyResume'> {
    return this.#held(meeting).tree.has(lease) && false;
  }

  signTransport({ meeting, ...transport }: CustodianAsk<'signTransport'>): CustodianAnswer<'signTransport'> {
    const { incarnation } = this.#held(meeting);
    return this.#sign(transportSignatureInput({ ...transport, incarnation }));
  }

  closeMeeting({ meeting, ledger }: CustodianAsk<'closeMeeting'>): CustodianAnswer<'closeMeeting'> {
    const { incarnation } = this.#held(meeting);
    this.#wipe(meeting);
    return this.#sign(ledgerSignatureInput({ ...ledger, incarnation }));
  }

  close(): void {
    for (const meeting of this.#meetings.keys()) this.#wipe(meeting);
  }

  #wipe(meeting: string): void {
    const held = this.#held(meeting);
    this.#meetings.delete(meeting);
    held.tree.close();
    for (const lease of held.waiting.keys()) this.#forget(held, lease);
    this.#reserve(held);
  }

  #held(meeting: string): HeldMeeting {
    const held = this.#meetings.get(meeting);
    if (held === undefined) throw new LatchkeyError('meeting_not_found');
    return held;
  }

  #forget(held: HeldMeeting, lease: Lease): void {
    const key = held.waiting.get(lease);
    if (key === undefined) return;
    held.waiting.delete(lease);
    this.#keys.wipe(key);
  }

  #reserve(held: HeldMeeting): void {
    this.#reserved -= held.reserved;
    held.reserved = reserveFor(held, 0);
    this.#reserved += held.reserved;
  }

  #sign(input: Uint8Array): Uint8Array {
    return new Uint8Array(sign(null, input, this.#signingKey));
  }
}

/**
 * Fresh inner nodes that joining can need at most: for each of those who wait, `more` of them to come, a path as long as the tree will be
 * high. Replaced nodes stay where they are, and departures free more than they take.
 */
const reserveFor = ({ tree, waiting }: HeldMeeting, more: number): number => {
  const joining = waiting.size + more;
  return joining * Math.max(tree.height, heightFor(tree.size + joining));
};

const refuseLease = (lease: Lease): never => {
  throw new LatchkeyError('custodian_refused', `lease ${lease} is not here`);
};
