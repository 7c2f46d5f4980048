// One participant's signalling, whichever server it is at: what media need of it.

import type { Role } from '../../src/protocol/names.ts';
import type { Transport } from '../../src/protocol/signaling.ts';
import type { SyntheticMedia } from './mediaParts.ts';

/** What lets one participant in. */
export type Invitation =
  | { readonly server: 'latchkey'; readonly url: string; readonly token: string }
  | { readonly server: 'bare'; readonly url: string; readonly role: Role };

export interface Transports {
  readonly send: Transport | null;
  readonly receive: Transport;
}

export interface Fingerprint {
  readonly algorithm: string;
  readonly value: string;
}

export interface Produced {
  readonly media: SyntheticMedia;
  readonly transportId: string;
  readonly ssrc: number;
}

/** Null: there is no key that may be used now. `wantedBytes`: what a bare seat, which seals nothing, makes of it. */
export type Seal = (frame: Uint8Array, wantedBytes: number) => Promise<Uint8Array | null>;

export interface Seat {
  /** Who sends already. */
  readonly producerIds: readonly string[];
  openMedia(): Promise<Transports>;
  connectTransport(transportId: string, fingerprints: readonly Fingerprint[]): Promise<void>;
  produce(produced: Produced): Promise<Seal>;
  /** Consumed, and flowing as far as this end has a say in it. */
  consume(producerId: string): Promise<void>;
  /** It holds the key of the epoch in use. */
  keyed(): Promise<void>;
  close(): void;
}
