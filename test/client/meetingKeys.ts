// The keys of the tests' meeting: the custodian's own vault, asked for members. It signs whatever a test has it sign, too: the other story of a
// server that tells two.

import { createHash, generateKeyPairSync, sign } from 'node:crypto';
import { Randomness } from '../../src/custodian/randomness.ts';
import { Slab } from '../../src/custodian/slab.ts';
import { SlabKeys } from '../../src/custodian/slabKeys.ts';
import { Vault } from '../../src/custodian/vault.ts';
import { fromBase64Url, toBase64Url } from '../../src/protocol/bytes.ts';
import {
  admissionSignatureInput,
  chainInput,
  decodeAdmission,
  decodeRekey,
  encodeAdmission,
  encodeRekey,
  encodeRekeyBody,
  epochSignatureInput,
} from '../../src/protocol/keyMessages.ts';
import type { AdmissionTerms, Rekey } from '../../src/protocol/keyMessages.ts';
import type { EpochId, Lease, Trigger } from '../../src/protocol/names.ts';
import type { NoticeData } from '../../src/protocol/signaling.ts';
import { defaultTimers } from '../../src/protocol/timers.ts';
import type { Member } from './member.ts';

export const meetingId = 'stand-up';

export interface Rekeyed {
  readonly epoch: EpochId;
  readonly fingerprint: Uint8Array;
  readonly rekey: Uint8Array | null;
  readonly welcomes: ReadonlyMap<Lease, Uint8Array>;
  readonly trigger: Trigger;
  /** Who is admitted anew with it. */
  readonly leases: NoticeData<'leases'>['leases'];
}

export interface Change {
  readonly joins?: readonly Member[];
  readonly departures?: readonly Member[];
  /** From the lease that they have to the one that they were admitted anew with. */
  readonly moves?: readonly Member[];
  readonly trigger?: Trigger;
}

const sha256 = (bytes: Uint8Array | string): Uint8Array =>
  new Uint8Array(createHash('sha256').update(bytes).digest());

export class MeetingKeys {
  /** Ed25519, 32 bytes. */
  readonly signingKey: Uint8Array;
  readonly incarnation: Uint8Array;
  /** Every epoch, in order. */
  readonly made: Rekeyed[] = [];
  readonly #privateKey;
  readonly #vault: Vault;

  constructor() {
    const { privateKey, publicKey } = generateKeyPairSync('ed25519');
    this.#privateKey = privateKey;
    this.signingKey = fromBase64Url(publicKey.export({ format: 'jwk' }).x ?? '') ?? new Uint8Array();
    const randomness = new Randomness();
    const keys = new SlabKeys(new Slab(512), randomness);
    this.#vault = new Vault({ keys, randomness, signingKey: privateKey });
    this.incarnation = this.#vault.openMeeting({
      meeting: meetingId,
      joinPolicy: 'every',
      freshForMs: defaultTimers.freshForMs,
    }).incarnation;
  }

  admit(member: Member, publicKey: string): { admission: Uint8Array; lease: Lease } {
    return this.#vault.admit({
      meeting: meetingId,
      participant: member.participantId,
      role: member.tokenRole,
      tokenId: member.tokenId,
      publicKey: fromBase64Url(publicKey) ?? new Uint8Array(),
    });
  }

  rekey(change: Change): Rekeyed {
    const { joins = [], departures = [], moves = [] } = change;
    const trigger = change.trigger ?? (joins.length === 0 ? 'departure' : 'join');
    const made = this.#vault.rekey({
      meeting: meetingId,
      trigger,
      joins: [...joins.map(({ lease }) => lease), ...moves.map((member) => nextLeaseOf(member))],
      departures: [...departures, ...moves].map(({ lease }) => lease),
      // Stands for the last line of a ledger, which changes with every epoch.
      ledger: sha256(`line ${this.made.length}`),
      share: false,
    });
    for (const member of moves) {
      member.lease = nextLeaseOf(member);
      member.nextLease = null;
    }
    const { epoch, fingerprint, rekey } = made;
    const welcomes = new Map(made.welcomes.map(({ lease, message }) => [lease, message]));
    const leases = moves.map(({ participantId, lease }) => ({ participantId, lease }));
    const rekeyed: Rekeyed = { epoch, fingerprint, rekey, welcomes, trigger, leases };
    this.made.push(rekeyed);
    return rekeyed;
  }

  /** As the custodian says. */
  verifies(lease: Lease, challenge: Uint8Array, proof: Uint8Array): boolean {
    return this.#vault.verifyResume({ meeting: meetingId, lease, challenge, proof });
  }

  /** A rekey as this meeting's key signs it, though it was never made. */
  retell(rekey: Uint8Array | null, change: (told: Rekey) => Rekey): Uint8Array {
    if (rekey === null) throw new Error('nobody was there before');
    const told = change(decodeRekey(rekey).rekey);
    const body = encodeRekeyBody(told);
    const statement = { ...told, chain: sha256(chainInput(told)), digest: sha256(body) };
    return encodeRekey(body, new Uint8Array(sign(null, epochSignatureInput(statement), this.#privateKey)));
  }

  /** An admission to these terms, rightly signed, though the custodian gave none. */
  readmit(admission: Uint8Array, change: (terms: AdmissionTerms) => AdmissionTerms): Uint8Array {
    const { terms, enc } = decodeAdmission(admission);
    const changed = change(terms);
    const signature = sign(null, admissionSignatureInput(changed, enc), this.#privateKey);
    return encodeAdmission({ terms: changed, enc, signature: new Uint8Array(signature) });
  }

  signTransport(
    member: Member,
    transport: string,
    fingerprints: readonly { algorithm: string; value: string }[],
  ): string {
    const { participantId: participant } = member;
    const ask = { meeting: meetingId, participant, transport, fingerprints: [...fingerprints] };
    return toBase64Url(this.#vault.signTransport(ask));
  }

  close(): void {
    this.#vault.close();
  }
}

const nextLeaseOf = ({ name, nextLease }: Member): Lease => {
  if (nextLease === null) throw new Error(`${name} was not admitted anew`);
  return nextLease;
};
