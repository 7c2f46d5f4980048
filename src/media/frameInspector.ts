// Judges forwarded frames by their SFrame headers alone: whether they are whose they should be, under an epoch that is in use, and
// whether a counter is used twice. It holds no key and opens nothing. Pure: who sends what and which epochs live is asked for, the
// time is handed in.
//
//   frame ──▶ header? ──▶ the sender's lease and stream? ──▶ a live epoch, or one just retired? ──▶ that lease then? ──▶ one ciphertext?
//             malformed   foreignLease, foreignStream         deadEpoch                            foreignLease        repeatedCounter
//
// What is sent in clear has no header, or one that is nobody's: malformed or foreign.

import type { EpochId, Lease, StreamId } from '../protocol/names.ts';
import { epochResidue, parseKeyId } from '../sframe/keyId.ts';
import type { Codec } from '../sframe/prefix.ts';
import type { Uint64 } from '../sframe/uint64.ts';
import { RecentFrames } from './recentFrames.ts';
import { readSealedPacket } from './sealedPacket.ts';

export const violationKinds = [
  'malformed',
  'foreignLease',
  'foreignStream',
  'deadEpoch',
  'repeatedCounter',
] as const;
export type ViolationKind = (typeof violationKinds)[number];

/** For the log: numbers of the header, nothing of the frame. */
export interface Violation {
  readonly kind: ViolationKind;
  readonly detail: string;
}

export interface SenderLease {
  readonly lease: Lease;
  /** The first epoch whose frames may carry it. */
  readonly from: EpochId;
  /** The first epoch whose frames may not any more; null: there is none yet. */
  readonly until: EpochId | null;
}

/** Whose frames a packet should hold. */
export interface ExpectedFrames {
  /** All that the participant has, or had for epochs that may still be in use. */
  readonly leases: readonly SenderLease[];
  readonly stream: StreamId;
  readonly codec: Codec;
}

export interface InspectionCounts {
  /** Frames looked at. */
  readonly inspected: number;
  /** Frames whose counter was below one that was seen before under their KID: late, or sent again. */
  readonly outOfOrder: number;
}

export interface InspectorOptions {
  /** Activated and not yet retired. */
  readonly liveEpochs: () => readonly EpochId[];
  readonly digest: (bytes: Uint8Array) => string;
}

/**
 * How long after its retirement frames of an epoch may still come, in milliseconds. Shorter: a packet that an honest sender had to repeat
 * over a slow link ends it, or one that waited in the queues of a machine with too much to do. Longer: a sender that stays behind is found later.
 */
export const retiredSlackMs = 5_000;
/** Frames remembered in one meeting, some 150 bytes each. Fewer: a counter is used again after its first use was forgotten. */
const rememberedFrames = 1_024;
/** Streams and epochs whose highest counter is remembered: two epochs of 30 senders, two streams each. Fewer: some late frames are not counted. */
const rememberedKeys = 128;

interface Retired {
  readonly epoch: EpochId;
  readonly atMs: number;
}

export class FrameInspector {
  readonly #options: InspectorOptions;
  readonly #recent: RecentFrames;
  readonly #highest = new Map<string, Uint64>();
  #retired: Retired[] = [];
  #inspected = 0;
  #outOfOrder = 0;

  constructor(options: InspectorOptions) {
    this.#options = options;
    this.#recent = new RecentFrames(rememberedFrames, options.digest);
  }

  get counts(): InspectionCounts {
    return { inspected: this.#inspected, outOfOrder: this.#outOfOrder };
  }

  /** No longer among the live ones. */
  retired(epoch: EpochId, nowMs: number): void {
    this.#retired = this.#retired.filter(({ atMs }) => nowMs - atMs < retiredSlackMs);
    this.#retired.push({ epoch, atMs: nowMs });
  }

  /** `packet`: RTP, in clear, as it is forwarded. */
  inspect({ leases, stream, codec }: ExpectedFrames, packet: Uint8Array, nowMs: number): Violation | null {
    const read = readSealedPacket(codec, packet);
    if (read.kind === 'passed') return null;
    this.#inspected++;
    if (read.kind === 'malformed') return { kind: 'malformed', detail: read.problem };
    const { kid, ctr, ciphertext, whole } = read;
    const keyId = parseKeyId(kid);
    if (keyId === null) return { kind: 'malformed', detail: 'a KID that no sender has' };

    const own = leases.filter(({ lease }) => lease === keyId.lease);
    if (own.length === 0) return { kind: 'foreignLease', detail: `lease ${keyId.lease}` };
    if (keyId.stream !== stream) {
      return { kind: 'foreignStream', detail: `stream ${keyId.stream}, announced as ${stream}` };
    }
    const epoch = this.#epochOf(keyId.residue, nowMs);
    if (epoch === null) return { kind: 'deadEpoch', detail: `epoch ${keyId.residue} modulo 256` };
    if (!own.some(({ from, until }) => epoch >= from && (until === null || epoch < until))) {
      return { kind: 'foreignLease', detail: `lease ${keyId.lease} in epoch ${epoch}` };
    }
    // By the epoch itself: its KIDs come back, with other keys, 256 epochs later.
    const key = `${keyId.lease}/${stream}/${epoch}`;
    this.#countOrder(key, ctr);
    return this.#recent.repeats(`${key}/${ctr}`, ciphertext, whole)
      ? { kind: 'repeatedCounter', detail: `lease ${keyId.lease}, epoch ${epoch}, counter ${ctr}` }
      : null;
  }

  /** The live epoch of this residue, or the one that has just been retired. At most 16 live: no two of them share one. */
  #epochOf(residue: number, nowMs: number): EpochId | null {
    const matches = (epoch: EpochId): boolean => epochResidue(epoch) === residue;
    const live = this.#options.liveEpochs().find((epoch) => matches(epoch));
    if (live !== undefined) return live;
    const late = this.#retired.find(({ epoch, atMs }) => matches(epoch) && nowMs - atMs < retiredSlackMs);
    return late?.epoch ?? null;
  }

  #countOrder(key: string, ctr: Uint64): void {
    const highest = this.#highest.get(key);
    if (highest !== undefined && ctr < highest) {
      this.#outOfOrder++;
      return;
    }
    // Taken out and put in again: the first is the one that has been silent the longest.
    this.#highest.delete(key);
    this.#highest.set(key, ctr);
    for (const oldest of this.#highest.keys()) {
      if (this.#highest.size <= rememberedKeys) break;
      this.#highest.delete(oldest);
    }
  }
}
