// A participant as the rekey machine's world has it: seals under what it was told to use, opens under what it holds.

import { limits } from '../../src/protocol/timers.ts';

export interface Traits {
  readonly stage: boolean;
  /** One way, each. */
  readonly upMs: number;
  readonly downMs: number;
  /** Installing a key. */
  readonly installMs: number;
  readonly confirms: 'always' | 'whileSending' | 'never';
  /** What it acknowledges is another story. */
  readonly lies: boolean;
  /** Everything it says is said twice. */
  readonly stutters: boolean;
}

export type Down =
  | { readonly kind: 'key'; readonly epoch: number }
  | { readonly kind: 'activated'; readonly epoch: number };
export type Up =
  | { readonly kind: 'acknowledged'; readonly epoch: number }
  | { readonly kind: 'confirmed'; readonly epoch: number }
  | { readonly kind: 'sends'; readonly sends: boolean };

export const fingerprintOf = (epoch: number): Uint8Array => new Uint8Array(16).fill((epoch % 250) + 1);

export class ModelClient {
  readonly lease: number;
  readonly traits: Traits;
  /** Socket order: nothing overtakes. */
  downAtMs = 0;
  upAtMs = 0;
  stalledUntilMs = 0;
  silent = false;

  // As the server knows it
  present = true;
  keyed = false;
  started = false;
  gateOpen = false;
  producing = false;

  // As the client knows it
  using: number | null = null;
  sends = false;
  readonly #installed = new Set<number>();
  /** Epoch → when its keys are dropped. */
  readonly #held = new Map<number, number>();

  constructor(lease: number, traits: Traits) {
    this.lease = lease;
    this.traits = traits;
  }

  /** Everything that it ever had the key of. */
  installed(epoch: number): boolean {
    return this.#installed.has(epoch);
  }

  opens(epoch: number, nowMs: number): boolean {
    return (this.#held.get(epoch) ?? -Infinity) > nowMs;
  }

  /** What it answers. */
  receive(message: Down, nowMs: number, receiverGraceMs: number): Up[] {
    if (message.kind === 'key') {
      this.#installed.add(message.epoch);
      this.#held.set(message.epoch, Infinity);
      for (const [epoch, dropAtMs] of this.#held) {
        if (dropAtMs <= nowMs || this.#held.size > limits.heldEpochs) this.#held.delete(epoch);
      }
      return [{ kind: 'acknowledged', epoch: message.epoch }];
    }
    if (!this.#installed.has(message.epoch)) throw new Error('activated before the key was given');
    if (this.using !== null && message.epoch <= this.using) throw new Error('activations out of order');
    for (const [epoch, dropAtMs] of this.#held) {
      if (epoch < message.epoch) this.#held.set(epoch, Math.min(dropAtMs, nowMs + receiverGraceMs));
    }
    this.using = message.epoch;
    return this.#confirm();
  }

  toggleSending(): Up[] {
    this.sends = !this.sends;
    const told: Up = { kind: 'sends', sends: this.sends };
    return this.sends ? [told, ...this.#confirm()] : [told];
  }

  #confirm(): Up[] {
    const { confirms } = this.traits;
    const tells = confirms === 'always' || (confirms === 'whileSending' && this.sends);
    return tells && this.using !== null ? [{ kind: 'confirmed', epoch: this.using }] : [];
  }
}
