// What somebody who asked for it waits for: that an evicted participant can open nothing more, that a demanded epoch is in use.

import type { Exposure, RekeyOutput } from '../keys/rekey.ts';
import type { EpochId, Lease, Trigger } from '../protocol/names.ts';

export interface EvictionReceipt {
  /** The first epoch that the evicted cannot derive; null where none was needed: it never had a key, or nobody is left. */
  readonly epoch: EpochId | null;
  readonly exposureMs: number;
  /** Of that epoch, when the exposure was over: participants that had acknowledged it, and that had not. */
  readonly acknowledged: number;
  readonly missed: number;
  /** Senders paused by the server, since they have not confirmed. */
  readonly paused: number;
}

export interface RekeyReceipt {
  readonly epoch: EpochId;
  readonly trigger: Trigger;
  readonly fingerprint: Uint8Array;
  /** From mint to activation, in milliseconds. */
  readonly tookMs: number;
  readonly acknowledged: number;
  readonly missed: number;
}

interface Demand {
  readonly reason: 'operator' | 'compromise';
  /** `minting`: the mint in flight is its own. A number: the epoch that must be active. */
  state: 'waiting' | 'minting' | EpochId;
  readonly settle: (receipt: RekeyReceipt | null) => void;
}

const nothing: EvictionReceipt = { epoch: null, exposureMs: 0, acknowledged: 0, missed: 0, paused: 0 };

export class Receipts {
  readonly #evictions = new Map<Lease, (receipt: EvictionReceipt) => void>();
  #demands: Demand[] = [];

  /** Call it before the machine is told of the departure. `given`: it was handed a key at least once. */
  eviction(lease: Lease, given: boolean): Promise<EvictionReceipt> {
    if (!given) return Promise.resolve(nothing);
    return new Promise((resolve) => this.#evictions.set(lease, resolve));
  }

  /** Null where the meeting ended first. Call it before the machine is told. */
  rekey(reason: 'operator' | 'compromise'): Promise<RekeyReceipt | null> {
    return new Promise((settle) => this.#demands.push({ reason, state: 'waiting', settle }));
  }

  exposed(exposures: readonly Exposure[]): void {
    for (const { lease, epoch, exposureMs, acknowledged, missed, paused } of exposures) {
      this.#evictions.get(lease)?.({ epoch, exposureMs, acknowledged, missed, paused });
      this.#evictions.delete(lease);
    }
  }

  asked({ trigger, share }: Extract<RekeyOutput, { kind: 'mint' }>): void {
    if (share) return;
    for (const demand of this.#demands) {
      // After a restart all keys are fresh as well.
      const heals = trigger === 'compromise' || trigger === 'restart';
      if (demand.state === 'waiting' && (demand.reason === 'operator' || heals)) demand.state = 'minting';
    }
  }

  failed(): void {
    for (const demand of this.#demands) if (demand.state === 'minting') demand.state = 'waiting';
  }

  minted(epoch: EpochId): void {
    for (const demand of this.#demands) if (demand.state === 'minting') demand.state = epoch;
  }

  activated(receipt: RekeyReceipt): void {
    const met = ({ state }: Demand): boolean => typeof state === 'number' && state <= receipt.epoch;
    for (const demand of this.#demands) if (met(demand)) demand.settle(receipt);
    this.#demands = this.#demands.filter((demand) => !met(demand));
  }

  /** The meeting is over, and its keys with it. */
  close(): void {
    for (const resolve of this.#evictions.values()) resolve(nothing);
    this.#evictions.clear();
    for (const { settle } of this.#demands) settle(null);
    this.#demands = [];
  }
}
