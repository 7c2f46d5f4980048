// mediasoup-client's transports over a session: they connect only with fingerprints that nobody can forge.

import type { Device, TransportOptions } from 'mediasoup-client/types';
import type { types } from 'mediasoup-client';
import { LatchkeyError, toLatchkeyError } from '../../protocol/errors.ts';
import type { Transport } from '../../protocol/signaling.ts';
import type { Session } from '../session/session.ts';
import { isStrongHash } from '../session/transports.ts';

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

/** `opened` has been verified by the session. */
export const createTransport = (
  device: Device,
  direction: 'send' | 'receive',
  session: Session,
  opened: Transport,
  onFailed: (error: LatchkeyError) => void,
): MediaTransport => {
  const { id, iceParameters, iceCandidates, dtlsParameters } = opened;
  // The schema looks at what it must; mediasoup-client checks the rest of its own structures.
  const options = { id, iceParameters, iceCandidates, dtlsParameters } as TransportOptions;
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
  transport.on('connectionstatechange', (state) => {
    // What takes one connection away often takes the other.
    if (state === 'failed' || state === 'disconnected') session.probe();
    if (state === 'failed') onFailed(new LatchkeyError('connection_lost', 'the media connection was lost'));
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
