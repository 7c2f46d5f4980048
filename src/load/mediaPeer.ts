// One WebRTC transport of a participant in Node: real ICE and DTLS-SRTP by libdatachannel, RTP in and out as bytes. It answers an offer
// written by hand, as the server's SDP would be if mediasoup spoke SDP: RFC 8839 (ICE), RFC 8122 (fingerprints), RFC 4145 (setup).
// One line of media carries everything: packets are told apart by their SSRC, as the signalling announced them.

import nodeDataChannel from 'node-datachannel';
import type { PeerConnection, Track } from 'node-datachannel';
import { z } from 'zod';
import type { Transport } from '../protocol/signaling.ts';
import { payloadTypes } from './mediaFormats.ts';

export type Direction = 'send' | 'receive';

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
  /** The local address to gather candidates on; all that there are where it is not given. */
  readonly bindAddress?: string | undefined;
}

/**
 * Not yet all the way closed. They are held until then: the binding forgets a track, and what keeps the process alive for it, when its
 * `closed` has been told, and of one that was collected before it keeps a pointer.
 */
const closing = new Map<MediaPeer, Promise<void>>();

/** When peers that were closed are closed all the way, and keep no process alive. */
export const mediaPeersEnded = async (): Promise<void> => {
  await Promise.all(closing.values());
};

export class MediaPeer {
  readonly #peer: PeerConnection;
  readonly #events: PeerEvents;
  readonly #peerClosed = Promise.withResolvers<void>();
  readonly #trackClosed = Promise.withResolvers<void>();
  #track: Track | null = null;
  #closed = false;

  constructor(options: PeerOptions, events: PeerEvents) {
    this.#events = events;
    this.#peer = new nodeDataChannel.PeerConnection(options.name, {
      iceServers: [],
      ...(options.bindAddress === undefined ? {} : { bindAddress: options.bindAddress }),
    });
    this.#peer.onStateChange((state) => {
      if (state === 'closed') this.#peerClosed.resolve();
      if (!this.#closed) this.#events.onState(state);
    });
    this.#peer.onTrack((track) => {
      this.#track = track;
      track.onMessage((packet) => this.#received(packet));
      track.onClosed(() => {
        // Not before: no packet is on its way to it any more.
        track.close();
        this.#trackClosed.resolve();
      });
    });
  }

  /** Answers the server's transport. What comes back is for `connectTransport`, before media flow. */
  async answer(transport: Transport, direction: Direction): Promise<{ algorithm: string; value: string }[]> {
    const described = new Promise<string>((resolve) => this.#peer.onLocalDescription(resolve));
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
    const ended = this.#track === null ? [this.#peerClosed] : [this.#peerClosed, this.#trackClosed];
    closing.set(
      this,
      Promise.all(ended.map(({ promise }) => promise)).then(() => void closing.delete(this)),
    );
    // Its track with it.
    this.#peer.close();
  }

  #received(packet: Buffer): void {
    if (this.#closed) return;
    if (isRtcp(packet)) this.#events.onRtcp(packet);
    else this.#events.onRtp(packet);
  }
}
