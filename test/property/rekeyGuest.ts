// A participant as the server of a world has it, and the socket to it: in order, delayed, standing still for a time, or gone.

import type { Recipient } from '../../src/meeting/keyDelivery.ts';
import type { EpochId, Lease, ReadmissionReason } from '../../src/protocol/names.ts';
import type { ModelClient } from './rekeyClient.ts';

/** What goes down: an encoded notice, a key message, or whatever an answer brings. */
export type Down<H> =
  | { readonly kind: 'text'; readonly text: string }
  | { readonly kind: 'key'; readonly bytes: Uint8Array }
  | {
      readonly kind: 'admission';
      readonly lease: Lease;
      readonly leafKey: H;
      readonly producers: readonly Sent[];
    }
  | { readonly kind: 'producers'; readonly producers: readonly Sent[] }
  | { readonly kind: 'readmit' };

/** A producer as it is announced. */
export interface Sent {
  readonly participant: string;
  readonly lease: Lease;
}

/** Nothing overtakes in it. */
export class Socket {
  open = true;
  downAtMs = 0;
  upAtMs = 0;
}

export class Guest<H, S, K> implements Recipient {
  readonly client: ModelClient<H, S, K>;
  readonly participantId: string;
  stage: boolean;
  lease: Lease;
  readonly entered = true;
  keyed = false;
  acknowledged = -1;
  givenThrough: EpochId | null = null;
  welcome: Recipient['welcome'] = null;
  readmit: ReadmissionReason | null = null;
  producing = false;
  /** Admitted anew, and not moved to it yet: the answer that carried it may be lost. */
  next: Lease | null = null;
  movedIn = -1;
  /**
   * Whose producers it heard of first when it came back: by the lease of that moment, and by none of before. So what they send while they are
   * moved it opens from the epoch of the move on.
   */
  readonly metIn = new Map<string, number>();
  readonly outlet: Recipient['outlet'];
  /** Null while it is away. */
  socket: Socket | null;
  awaySinceMs = -Infinity;
  /** Its network stands still until then. */
  stalledUntilMs = 0;
  present = true;
  started = false;
  gateOpen = false;

  constructor(
    client: ModelClient<H, S, K>,
    lease: Lease,
    socket: Socket,
    tell: (guest: Guest<H, S, K>, message: Down<H>) => void,
  ) {
    this.client = client;
    this.participantId = client.id;
    this.stage = client.traits.stage;
    this.lease = lease;
    this.socket = socket;
    this.outlet = {
      sendText: (text) => tell(this, { kind: 'text', text }),
      sendKeyMessage: (bytes) => tell(this, { kind: 'key', bytes }),
    };
  }
}
