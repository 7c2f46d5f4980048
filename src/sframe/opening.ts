// All of a receiver's side of one remote stream but the call of the AEAD: whose frame it is, which epoch's key, whether it is a replay.
//
//   begin(frame) ──▶ refusal
//        └────────▶ ticket ──▶ (the epoch's frame key, derived once) ──▶ job ──▶ (AEAD) ──▶ finish ──▶ frame or refusal
//
// Nothing that a peer sends throws. Keys of at most 16 epochs are held; epochs are installed in rising order and never twice,
// since a second replay window would accept again what the first had seen: there is one for each KID. The sender's lease is that of
// the frame's epoch (senderLeases.ts).

import { LatchkeyError } from '../protocol/errors.ts';
import { lengths } from '../protocol/names.ts';
import type { EpochId, Lease, StreamId } from '../protocol/names.ts';
import { limits } from '../protocol/timers.ts';
import { assertIncarnation } from './epochKeys.ts';
import { frameAad, maxFramesPerKey } from './frame.ts';
import type { FrameFormat } from './frame.ts';
import { parseHeader } from './header.ts';
import { composeKeyId, epochResidue, parseKeyId } from './keyId.ts';
import type { KeyId, StreamOrigin } from './keyId.ts';
import { frameNonce } from './keySchedule.ts';
import type { FrameKey } from './keySchedule.ts';
import { clearPrefixBytes } from './prefix.ts';
import { ReplayWindow } from './replayWindow.ts';
import { SenderLeases } from './senderLeases.ts';

export interface OpenerOptions extends FrameFormat {
  /** What signalling announced; frames of any other are refused. */
  readonly origin: StreamOrigin;
  /** The origin's leases, where others follow the first: shared with whoever changes them. */
  readonly leases?: SenderLeases;
}

export const openRefusals = [
  'missingKey',
  'badTag',
  'replayed',
  'staleEpoch',
  'foreignOrigin',
  'malformed',
] as const;
export type OpenRefusal = (typeof openRefusals)[number];

interface Refused {
  readonly ok: false;
  readonly reason: OpenRefusal;
}

export type OpenResult = { readonly ok: true; readonly frame: Uint8Array<ArrayBuffer> } | Refused;

/** The origin's one KID of an epoch. `Slot` is a `FrameKey`, or the promise of one. */
export interface HeldKey<Secret, Slot> {
  readonly kid: KeyId;
  readonly baseKey: Secret;
  readonly window: ReplayWindow;
  /** Derived with the first frame, since most streams carry none in most epochs of their receivers' lives. */
  slot: Slot | null;
  retired: boolean;
}

interface HeldEpoch<Secret, Slot> {
  readonly epoch: EpochId;
  readonly baseKey: Secret;
  /** By lease: more than one only where signalling said that another lease begins with this epoch than it had said before. */
  readonly keys: Map<Lease, HeldKey<Secret, Slot>>;
}

export interface OpenTicket<Secret, Slot> {
  readonly ok: true;
  readonly held: HeldKey<Secret, Slot>;
  readonly counter: number;
  readonly prefixBytes: number;
  readonly headerEnd: number;
  readonly sealed: Uint8Array;
}

/** One call of the AEAD: where it verifies, `plaintext`, the end of `frame`, is filled and the frame is whole. */
export interface OpenJob<Key> {
  readonly key: Key;
  readonly nonce: Uint8Array;
  readonly aad: Uint8Array;
  readonly body: Uint8Array;
  readonly plaintext: Uint8Array;
  readonly frame: Uint8Array<ArrayBuffer>;
}

const refused = (reason: OpenRefusal): Refused => ({ ok: false, reason });

/** Within half the residues of the newest epoch, "e mod 256" means the near one: behind it was, ahead is still to come. */
const nearEpochs = 128;

export class Opening<Secret, Slot> {
  readonly #leases: SenderLeases;
  readonly #stream: StreamId;
  readonly #format: FrameFormat;
  readonly #release: (slot: Slot) => void;
  /** By residue, in rising order of epochs. */
  readonly #held = new Map<number, HeldEpoch<Secret, Slot>>();
  /** By residue, the last epoch that was held: at most 256. */
  readonly #known = new Map<number, EpochId>();
  /** Installed or retired. */
  #latest = -1;

  /** `release` is handed each slot that will not be used again. */
  constructor(options: OpenerOptions, release: (slot: Slot) => void) {
    assertIncarnation(options.incarnation);
    this.#leases = options.leases ?? new SenderLeases(options.origin.lease);
    this.#stream = options.origin.stream;
    this.#format = { codec: options.codec, incarnation: options.incarnation.slice() };
    this.#release = release;
  }

  /** @throws LatchkeyError `sframe_epoch_order` for an epoch not above all installed or retired before. */
  install(epoch: EpochId, baseKey: Secret): void {
    if (epoch <= this.#latest) {
      throw new LatchkeyError('sframe_epoch_order', `epoch ${epoch} after epoch ${this.#latest}`);
    }
    // RFC 9605 §5.2: an old epoch goes when a new one with its low bits comes.
    const residue = epochResidue(epoch);
    const sameResidue = this.#held.get(residue);
    if (sameResidue !== undefined) this.#dropThrough(sameResidue.epoch);
    const [oldest] = this.#held.values();
    if (oldest !== undefined && this.#held.size >= limits.heldEpochs) this.#dropThrough(oldest.epoch);
    this.#latest = epoch;
    this.#known.set(residue, epoch);
    this.#held.set(residue, { epoch, baseKey, keys: new Map() });
  }

  /** Drops the keys of this epoch and of all before it, for good. */
  retire(epoch: EpochId): void {
    this.#dropThrough(epoch);
    this.#latest = Math.max(this.#latest, epoch);
  }

  #dropThrough(epoch: EpochId): void {
    for (const [residue, held] of this.#held) {
      if (held.epoch > epoch) return;
      this.#held.delete(residue);
      for (const key of held.keys.values()) {
        key.retired = true;
        if (key.slot !== null) this.#release(key.slot);
        key.slot = null;
      }
    }
  }

  begin(sealed: Uint8Array): OpenTicket<Secret, Slot> | Refused {
    const prefixBytes = clearPrefixBytes(this.#format.codec, sealed);
    if (prefixBytes === null) return refused('malformed');
    const header = parseHeader(sealed, prefixBytes, sealed.length - lengths.tag);
    if (!header.ok) return refused('malformed');
    const origin = parseKeyId(header.kid);
    if (origin === null || origin.stream !== this.#stream || !this.#leases.has(origin.lease)) {
      return refused('foreignOrigin');
    }
    const counter = header.ctr;
    if (typeof counter === 'bigint' || counter >= maxFramesPerKey) return refused('malformed');
    const epoch = this.#held.get(origin.residue);
    if (epoch === undefined) return refused(this.#wasHeld(origin.residue) ? 'staleEpoch' : 'missingKey');
    if (this.#leases.at(epoch.epoch) !== origin.lease) return refused('foreignOrigin');
    const held = epoch.keys.get(origin.lease) ?? this.#addKey(epoch, origin.lease);
    if (!held.window.check(counter)) return refused('replayed');
    return { ok: true, held, counter, prefixBytes, headerEnd: header.end, sealed };
  }

  #addKey({ epoch, baseKey, keys }: HeldEpoch<Secret, Slot>, lease: Lease): HeldKey<Secret, Slot> {
    const kid = composeKeyId({ lease, stream: this.#stream }, epoch);
    const held = { kid, baseKey, window: new ReplayWindow(), slot: null, retired: false };
    keys.set(lease, held);
    return held;
  }

  #wasHeld(residue: number): boolean {
    const epoch = this.#known.get(residue);
    return epoch !== undefined && this.#latest - epoch < nearEpochs;
  }

  job<Key>(ticket: OpenTicket<Secret, Slot>, { key, salt }: FrameKey<Key>): OpenJob<Key> {
    const { sealed, prefixBytes, headerEnd, counter } = ticket;
    const frame = new Uint8Array(sealed.length - (headerEnd - prefixBytes) - lengths.tag);
    for (let i = 0; i < prefixBytes; i++) frame[i] = sealed[i] ?? 0;
    return {
      key,
      nonce: frameNonce(salt, counter),
      aad: frameAad(sealed, prefixBytes, headerEnd, this.#format.incarnation),
      body: sealed.subarray(headerEnd),
      plaintext: frame.subarray(prefixBytes),
      frame,
    };
  }

  finish(ticket: OpenTicket<Secret, Slot>, job: OpenJob<unknown>, verified: boolean): OpenResult {
    // What an AEAD may have written before it saw the tag is not plaintext.
    if (!verified) {
      job.frame.fill(0);
      return refused('badTag');
    }
    if (ticket.held.retired) return refused('staleEpoch');
    return ticket.held.window.commit(ticket.counter) ? { ok: true, frame: job.frame } : refused('replayed');
  }
}
