// A seat at the real server: a real session with real keys. All of one process share one check of each signature, since in a meeting each is
// a machine of its own.

import type { LocalKeyAgent } from '../../src/client/session/localKeyAgent.ts';
import { createNodeAgentCrypto } from '../../src/client/session/nodeAgentCrypto.ts';
import type { Session } from '../../src/client/session/session.ts';
import { createSharedVerify } from '../../src/client/session/sharedVerify.ts';
import { streamId } from '../../src/protocol/names.ts';
import { receiverCapabilities, rtpParametersOf } from './mediaParts.ts';
import { patientJoin } from './patientJoin.ts';
import type { Fingerprint, Produced, Seal, Seat, Transports } from './seat.ts';

/** Longer than any storm. */
const keyedMs = 600_000;

const crypto = createNodeAgentCrypto(createSharedVerify());

export class LatchkeySeat implements Seat {
  readonly #session: Session;
  readonly #agent: LocalKeyAgent<Buffer, Buffer>;

  private constructor(session: Session, agent: LocalKeyAgent<Buffer, Buffer>) {
    this.#session = session;
    this.#agent = agent;
  }

  static async join(url: string, token: string): Promise<LatchkeySeat> {
    const { session, agent } = await patientJoin(crypto, url, token);
    return new LatchkeySeat(session, agent);
  }

  get producerIds(): readonly string[] {
    return Array.from(this.#session.roster.producers, ({ producerId }) => producerId);
  }

  openMedia(): Promise<Transports> {
    return this.#session.openMedia({ rtpCapabilities: receiverCapabilities });
  }

  async connectTransport(transportId: string, fingerprints: readonly Fingerprint[]): Promise<void> {
    const dtlsParameters = { role: 'client' as const, fingerprints: [...fingerprints] };
    await this.#session.request('connectTransport', { transportId, dtlsParameters });
  }

  async produce({ media, transportId, ssrc }: Produced): Promise<Seal> {
    const { kind, source, codec } = media;
    const sender = this.#agent.sender(streamId(0), codec);
    const rtpParameters = rtpParametersOf(media, ssrc);
    const what = { kind, source, paused: false, stream: 0 } as const;
    await this.#session.request('produce', { ...what, transportId, rtpParameters });
    return (frame) => sender.seal(frame);
  }

  async consume(producerId: string): Promise<void> {
    const { consumerId } = await this.#session.request('consume', { producerId });
    await this.#session.request('resumeConsumer', { consumerId });
  }

  async keyed(): Promise<void> {
    await this.#session.keyed(keyedMs);
  }

  close(): void {
    this.#session.close();
  }
}
