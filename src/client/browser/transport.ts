// mediasoup-client's transports over a session: they connect only with fingerprints that nobody can forge, and come back when the network
// changes.

import type { Device, TransportOptions } from 'mediasoup-client/types';
import type { types } from 'mediasoup-client';
import { LatchkeyError, toLatchkeyError } from '../../protocol/errors.ts';
import type { IceServer, Transport } from '../../protocol/signaling.ts';
import type { Clock } from '../session/clock.ts';
import type { Session } from '../session/session.ts';
import { isStrongHash } from '../session/transports.ts';
import { IceRecovery } from './iceRecovery.ts';

export type MediaTransport = types.Transport;

export interface HopCiphers {
  readonly srtpCipher: string | null;
  readonly dtlsCipher: string | null;
  readonly tlsVersion: string | null;
}

/** Answers an event of mediasoup-client, which waits for one of two callbacks. */
export const settle = async <T>(
  asked: Promise<T>,
  done: (answer: T) => void,
  failed: (error: Error) => void,
): Promise<void> => {
  try {
    done(await asked);
  } catch (thrown) {
    failed(toLatchkeyError(thrown));
  }
};

export interface PathEnds {
  readonly session: Session;
  readonly clock: Clock;
  /** The newest that the server gave; TURN credentials live for a limited time. */
  readonly iceServers: () => readonly IceServer[];
  readonly onIceServers: (iceServers: readonly IceServer[]) => void;
  /** The server does not have this transport any more. */
  readonly onGone: (path: MediaPath) => void;
  readonly onFailed: (error: LatchkeyError) => void;
}

/** One transport, and what brings its connection back when networks change. */
export class MediaPath {
  readonly transport: MediaTransport;
  readonly #ends: PathEnds;
  readonly #ice: IceRecovery;

  /** `opened` has been verified by the session. */
  constructor(device: Device, direction: 'send' | 'receive', opened: Transport, ends: PathEnds) {
    this.#ends = ends;
    this.transport = createTransport(device, direction, opened, ends);
    this.#ice = new IceRecovery({
      clock: ends.clock,
      restart: () => this.#restart(),
      onTrouble: () => ends.onFailed(new LatchkeyError('connection_lost', 'the media connection was lost')),
    });
    this.transport.on('connectionstatechange', (state) => {
      // What takes one connection away often takes the other.
      if (state === 'failed' || state === 'disconnected') ends.session.probe();
      this.#ice.changed(state);
      if (state === 'connected') void this.#reportHop();
    });
  }

  get id(): string {
    return this.transport.id;
  }

  networkChanged(): void {
    this.#ice.networkChanged();
  }

  /** The signalling is back. */
  reachable(): void {
    this.#ice.reachable();
  }

  /** Idempotent. */
  close(): void {
    this.#ice.close();
    this.transport.close();
  }

  async #restart(): Promise<void> {
    const { transport } = this;
    try {
      const answer = await this.#ends.session.request('restartIce', { transportId: transport.id });
      this.#ends.onIceServers(answer.iceServers);
      if (transport.closed) return;
      await transport.updateIceServers({ iceServers: asRtc(answer.iceServers) });
      if (transport.closed) return;
      const { usernameFragment, password, iceLite = false } = answer.iceParameters;
      await transport.restartIce({ iceParameters: { usernameFragment, password, iceLite } });
    } catch (thrown) {
      if (thrown instanceof LatchkeyError && thrown.code === 'transport_not_found') this.#ends.onGone(this);
      throw thrown;
    }
  }

  async #reportHop(): Promise<void> {
    try {
      const hop = await readHop(this.transport);
      if (hop !== null && hop.srtpCipher !== null)
        this.#ends.session.reportHop({ ...hop, srtpCipher: hop.srtpCipher });
    } catch {
      // Closed meanwhile: the next one is reported.
    }
  }
}

/** As RTCPeerConnection takes them. */
const asRtc = (iceServers: readonly IceServer[]): RTCIceServer[] =>
  iceServers.map(({ urls, username, credential }) => ({
    urls,
    ...(username === undefined ? {} : { username }),
    ...(credential === undefined ? {} : { credential }),
  }));

const createTransport = (
  device: Device,
  direction: 'send' | 'receive',
  opened: Transport,
  { session, iceServers }: PathEnds,
): MediaTransport => {
  const { id, iceParameters, iceCandidates, dtlsParameters } = opened;
  // The schema looks at what it must; mediasoup-client checks the rest of its own structures.
  const options = {
    id,
    iceParameters,
    iceCandidates,
    dtlsParameters,
    iceServers: asRtc(iceServers()),
  } as TransportOptions;
  const transport =
    direction === 'send' ? device.createSendTransport(options) : device.createRecvTransport(options);
  transport.on('connect', ({ dtlsParameters: own }, done, failed) => {
    const fingerprints = own.fingerprints.filter(({ algorithm }) => isStrongHash(algorithm));
    if (fingerprints.length === 0) {
      failed(new LatchkeyError('weak_fingerprint'));
      return;
    }
    const role = own.role === undefined ? {} : { role: own.role };
    const asked = session.request('connectTransport', {
      transportId: id,
      dtlsParameters: { ...role, fingerprints },
    });
    void settle(asked, done, failed);
  });
  return transport;
};

/** Null where the transport has not connected yet. */
export const readHop = async (transport: MediaTransport): Promise<HopCiphers | null> => {
  if (transport.closed) return null;
  for (const stats of (await transport.getStats()).values() as Iterable<RTCTransportStats & RTCStats>) {
    if (stats.type !== 'transport' || stats.srtpCipher === undefined) continue;
    const { srtpCipher, dtlsCipher = null, tlsVersion = null } = stats;
    return { srtpCipher, dtlsCipher, tlsVersion };
  }
  return null;
};
