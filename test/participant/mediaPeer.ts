// One WebRTC transport of a participant in Node: real ICE and DTLS-SRTP by libdatachannel, RTP in and out as bytes. It answers an offer
// written by hand, as the server's SDP would be if mediasoup spoke SDP: RFC 8839 (ICE), RFC 8122 (fingerprints), RFC 4145 (setup).
// One line of media carries everything: packets are told apart by their SSRC, as the signalling announced them.

import nodeDataChannel from 'node-datachannel';
import type { PeerConnection, Track } from 'node-datachannel';
import { z } from 'zod';
import type { Transport } from '../../src/protocol/signaling.ts';

export type Direction = 'send' | 'receive';

/** Of the codecs that packets are sent and received in; the line of media names one, and nobody looks. */
export const payloadTypes = { opus: 100, vp8: 101 } as const;

const candidates = z.array(
  z.looseObject({
    foundation: z.string(),
    priority: z.number(),
    address: z.string(),
    port: z.number(),
    protocol: z.enum(['udp', 'tcp']),
  }),
);

const offer = ({ iceParameters, iceCandidates, dtlsParameters }: Transport, direction: Direction): string => {
  const { usernameFragment, password } = iceParameters;
  const fingerprint = dtlsParameters.fingerprints.find(({ algorithm }) => algorithm === 'sha-256');
  if (fingerprint === undefined) throw new Error('the server has no sha-256 fingerprint');
  return [
    'v=0',
    'o=- 1 1 IN IP4 127.0.0.1',
    's=-',
    't=0 0',
    'a=ice-lite',
    `m=audio 9 UDP/TLS/RTP/SAVPF ${payloadTypes.opus}`,
    'c=IN IP4 0.0.0.0',
    'a=mid:0',
    direction === 'send' ? 'a=recvonly' : 'a=sendonly',
    'a=rtcp-mux',
    `a=rtpmap:${payloadTypes.opus} opus/48000/2`,
    ...(direction === 'send' ? [] : ['a=ssrc:1 cname:server']),
    `a=ice-ufrag:${usernameFragment}`,
    `a=ice-pwd:${password}`,
    `a=fingerprint:sha-256 ${fingerprint.value}`,
    'a=setup:actpass',
    ...candidates
      .parse(iceCandidates)
      .filter(({ protocol }) => protocol === 'udp')
      .map(
        ({ foundation, priority, address, port }) =>
          `a=candidate:${foundation} 1 udp ${priority} ${address} ${port} typ host`,
      ),
    'a=end-of-candidates',
    '',
  ].join('\r\n');
};

/** RTCP's packet types share the second byte with RTP's marker and payload type (RFC 5761 §4). */
const isRtcp = (packet: Uint8Array): boolean => {
  const type = packet[1] ?? 0;
  return type >= 192 && type <= 223;
};

export interface PeerEvents {
  readonly onRtp: (packet: Buffer) => void;
  readonly onRtcp: (packet: Buffer) => void;
  /** `connected`, `disconnected`, `failed`, … */
  readonly onState: (state: string) => void;
}

export interface PeerOptions {
  readonly name: string;
  /** The local address to gather candidates on. */
  readonly bindAddress: string;
}

/** Not yet all the way closed. */
const closing = new Set<Promise<void>>();
/**
 * Of all peers there ever were. The binding keeps pointers to its tracks and looks at them when the stack is ended, those of tracks that
 * were collected too: none ever is.
 */
const tracks = new Set<Track>();

/** Ends libdatachannel's threads, after which no peer can be made: the process may end. Peers are to be closed before. */
export const endMediaStack = async (): Promise<void> => {
  await Promise.all(closing);
  nodeDataChannel.cleanup();
};

export class MediaPeer {
  readonly #peer: PeerConnection;
  readonly #events: PeerEvents;
  readonly #ended = Promise.withResolvers<void>();
  #track: Track | null = null;
  #closed = false;

  constructor(options: PeerOptions, events: PeerEvents) {
    this.#events = events;
    this.#peer = new nodeDataChannel.PeerConnection(options.name, {
      iceServers: [],
      bindAddress: options.bindAddress,
    });
    this.#peer.onStateChange((state) => {
      if (state === 'closed') this.#ended.resolve();
      if (!this.#closed) this.#events.onState(state);
    });
  }

  /** Answers the server's transport. What comes back is for `connectTransport`, before media flow. */
  async answer(transport: Transport, direction: Direction): Promise<{ algorithm: string; value: string }[]> {
    const described = new Promise<string>((resolve) => this.#peer.onLocalDescription(resolve));
    this.#peer.onTrack((track) => {
      tracks.add(track);
      this.#track = track;
      track.onMessage((packet) => this.#received(packet));
    });
    this.#peer.setRemoteDescription(offer(transport, direction), 'offer');
    const value = /^a=fingerprint:sha-256 (\S+)/im.exec(await described)?.[1];
    if (value === undefined) throw new Error('an answer without a sha-256 fingerprint');
    return [{ algorithm: 'sha-256', value }];
  }

  get open(): boolean {
    return !this.#closed && this.#track?.isOpen() === true;
  }

  /** False: not connected, or the socket is full. */
  send(packet: Buffer): boolean {
    return this.open && this.#track?.sendMessageBinary(packet) === true;
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    const ended = this.#ended.promise.finally(() => closing.delete(ended));
    closing.add(ended);
    // Its track with it: to close that by itself races with packets on their way to it.
    this.#peer.close();
  }

  #received(packet: Buffer): void {
    if (this.#closed) return;
    if (isRtcp(packet)) this.#events.onRtcp(packet);
    else this.#events.onRtp(packet);
  }
}
