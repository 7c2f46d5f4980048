// The media of one session: mediasoup-client's device and transports, what is sent and what is received. Transports may be replaced while it
// lives: with a worker that the server lost, with a role that may send or may not any more. What is published and what is looked at
// outlives them.

import { Device } from 'mediasoup-client';
import { LatchkeyError } from '../../protocol/errors.ts';
import { mayProduce } from '../../protocol/names.ts';
import type { Answer, IceServer, Transport } from '../../protocol/signaling.ts';
import { systemClock } from '../session/clock.ts';
import type { Session } from '../session/session.ts';
import { watchNetwork } from './networkWatch.ts';
import { Publications } from './publications.ts';
import type { PublicationEnds } from './publications.ts';
import { Reopening } from './reopening.ts';
import type { SFrameThread } from './sframeThread.ts';
import { Slot } from './slot.ts';
import { Subscriptions } from './subscriptions.ts';
import type { SubscriptionsEnds } from './subscriptions.ts';
import { MediaPath, readHop } from './transport.ts';
import type { HopCiphers, PathEnds } from './transport.ts';

const unknownHop: HopCiphers = { srtpCipher: null, dtlsCipher: null, tlsVersion: null };

export type MediaEnds = Omit<SubscriptionsEnds & PublicationEnds, 'onPathGone'>;

export class Media {
  readonly publications: Publications;
  readonly subscriptions: Subscriptions;
  readonly #device: Device;
  readonly #send = new Slot<MediaPath>();
  readonly #receive = new Slot<MediaPath>();
  readonly #reopening: Reopening<Answer<'openMedia'>>;
  readonly #pathEnds: PathEnds;
  readonly #stops: (() => void)[];
  #iceServers: readonly IceServer[];
  #closed = false;

  private constructor(session: Session, device: Device, thread: SFrameThread, ends: MediaEnds) {
    this.#device = device;
    this.#iceServers = session.iceServers;
    const onPathGone = (path: MediaPath): void => this.#gone(path);
    this.publications = new Publications(session, thread, this.#send, { ...ends, onPathGone });
    this.subscriptions = new Subscriptions(session, thread, this.#receive, { ...ends, onPathGone });
    this.#pathEnds = {
      session,
      clock: systemClock,
      iceServers: () => this.#iceServers,
      onIceServers: (iceServers) => (this.#iceServers = iceServers),
      onGone: onPathGone,
      onFailed: ends.onFailed,
    };
    this.#reopening = new Reopening({
      clock: systemClock,
      open: () => session.openMedia({ rtpCapabilities: { ...device.recvRtpCapabilities } }),
      apply: (opened) => this.#apply(opened),
      onFailed: ends.onFailed,
    });
    this.#stops = [
      session.on('mediaLost', ({ ready }) => this.#lost(ready)),
      session.on('role', ({ role }) => this.#becomes(mayProduce(role))),
      session.on('connection', ({ state }) => {
        if (state === 'resumed') for (const path of this.#paths()) path.reachable();
      }),
      watchNetwork(() => {
        for (const path of this.#paths()) path.networkChanged();
      }),
    ];
  }

  /** @throws LatchkeyError `media_unsupported`, and as `Session.openMedia`. */
  static async open(session: Session, thread: SFrameThread, ends: MediaEnds): Promise<Media> {
    const device = await loadDevice(session.routerRtpCapabilities);
    const media = new Media(session, device, thread, ends);
    try {
      await media.#reopening.first();
      if (session.ended) throw new LatchkeyError('closed');
      return media;
    } catch (thrown) {
      media.close();
      throw thrown;
    }
  }

  async hop(): Promise<HopCiphers> {
    for (const { transport } of this.#paths()) {
      const hop = await readHop(transport);
      if (hop !== null) return hop;
    }
    return unknownHop;
  }

  /** Idempotent. */
  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    for (const stop of this.#stops) stop();
    this.#reopening.close();
    this.publications.close();
    this.subscriptions.close();
    for (const slot of [this.#send, this.#receive]) {
      const path = slot.current;
      slot.close(new LatchkeyError('closed'));
      path?.close();
    }
  }

  #paths(): MediaPath[] {
    return [this.#send.current, this.#receive.current].filter((path) => path !== null);
  }

  #apply({ send, receive }: Answer<'openMedia'>): void {
    if (receive.id !== this.#receive.current?.id) {
      this.#drop(this.#receive);
      this.#receive.set(this.#path('receive', receive));
    }
    // The notice of another role follows, or came before.
    if (send === null) this.#cannotSend();
    else if (send.id !== this.#send.current?.id) {
      this.#drop(this.#send);
      this.#send.set(this.#path('send', send));
    }
  }

  #path(direction: 'send' | 'receive', opened: Transport): MediaPath {
    return new MediaPath(this.#device, direction, opened, this.#pathEnds);
  }

  #becomes(sender: boolean): void {
    if (!sender) {
      this.#cannotSend();
      return;
    }
    // What is published from now on waits for the transport.
    if (this.#send.current === null) this.#send.clear();
    // Asked also where there is one: this may be the second of two changes, and the server closed it with the first.
    this.#reopening.ask();
  }

  #cannotSend(): void {
    const path = this.#send.current;
    this.#send.refuse(new LatchkeyError('forbidden', 'viewers do not send'));
    this.publications.end();
    path?.close();
  }

  #lost(ready: boolean): void {
    this.#drop(this.#send);
    this.#drop(this.#receive);
    if (ready) this.#reopening.ask();
  }

  #gone(path: MediaPath): void {
    const slot = [this.#send, this.#receive].find(({ current }) => current === path);
    if (slot === undefined) return;
    this.#drop(slot);
    this.#reopening.ask();
  }

  /** Whatever was on it waits for the next. */
  #drop(slot: Slot<MediaPath>): void {
    const path = slot.current;
    if (path === null) return;
    slot.clear();
    if (slot === this.#send) this.publications.lost();
    else this.subscriptions.lost();
    path.close();
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
