// Which streams of a lease have ever been sealed. A second sealer of one (lease, stream) would begin again at counter 0 under
// the same key, and with a repeated nonce GCM gives away both plaintexts and its authentication key; so a stream is claimed
// once, and a `FrameSealer` is made of a claim. One `SenderStreams` for each admission: whoever lost it (a reload, a restarted
// worker) is admitted anew, with another lease.

import type { Lease, StreamId } from '../protocol/names.ts';
import type { StreamOrigin } from './keyId.ts';

export type ClaimedStream = StreamOrigin & { readonly __brand: 'ClaimedStream' };

export class SenderStreams {
  readonly #lease: Lease;
  readonly #claimed = new Set<StreamId>();

  constructor(lease: Lease) {
    this.#lease = lease;
  }

  /** @throws RangeError where this stream was claimed before, even if its sealer has long ended. */
  claim(stream: StreamId): ClaimedStream {
    if (this.#claimed.has(stream)) throw new RangeError(`stream ${stream} was used before under this lease`);
    this.#claimed.add(stream);
    return { lease: this.#lease, stream } as ClaimedStream;
  }
}
