// The media of one session: mediasoup-client's device and transports, what is sent and what is received.

import { Device } from 'mediasoup-client';
import { LatchkeyError } from '../../protocol/errors.ts';
import type { Session } from '../session/session.ts';
import { Publications } from './publications.ts';
import type { PublicationEnds } from './publications.ts';
import type { SFrameThread } from './sframeThread.ts';
import { Subscriptions } from './subscriptions.ts';
import type { SubscriptionEnds } from './subscriptions.ts';
import { createTransport, readHop } from './transport.ts';
import type { HopCiphers, MediaTransport } from './transport.ts';

const unknownHop: HopCiphers = { srtpCipher: null, dtlsCipher: null, tlsVersion: null };

export class Media {
  readonly publications: Publications;
  readonly subscriptions: Subscriptions;
  readonly #transports: readonly MediaTransport[];

  private constructor(
    publications: Publications,
    subscriptions: Subscriptions,
    transports: readonly MediaTransport[],
  ) {
    this.publications = publications;
    this.subscriptions = subscriptions;
    this.#transports = transports;
  }

  /** @throws LatchkeyError `media_unsupported`, and as `Session.openMedia`. */
  static async open(
    session: Session,
    thread: SFrameThread,
    ends: SubscriptionEnds & PublicationEnds,
  ): Promise<Media> {
    const device = await loadDevice(session.routerRtpCapabilities);
    const opened = await session.openMedia({ rtpCapabilities: { ...device.recvRtpCapabilities } });
    if (session.ended) throw new LatchkeyError('closed');
    const send =
      opened.send === null ? null : createTransport(device, 'send', session, opened.send, ends.onFailed);
    const receive = createTransport(device, 'receive', session, opened.receive, ends.onFailed);
    return new Media(
      new Publications(session, thread, send, ends),
      new Subscriptions(session, thread, receive, ends),
      send === null ? [receive] : [send, receive],
    );
  }

  async hop(): Promise<HopCiphers> {
    for (const transport of this.#transports) {
      const hop = await readHop(transport);
      if (hop !== null) return hop;
    }
    return unknownHop;
  }

  close(): void {
    this.publications.close();
    this.subscriptions.close();
    for (const transport of this.#transports) transport.close();
  }
}

const loadDevice = async (routerRtpCapabilities: Session['routerRtpCapabilities']): Promise<Device> => {
  try {
    const device = await Device.factory();
    await device.load({ routerRtpCapabilities });
    return device;
  } catch (cause) {
    throw new LatchkeyError('media_unsupported', undefined, { cause });
  }
};
