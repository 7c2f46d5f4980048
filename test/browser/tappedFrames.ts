// Frames as the server sees them, collected by the test from a tapped server (tap.ts).

import type { ChildProcess } from 'node:child_process';
import { clearPrefixBytes } from '../../src/sframe/prefix.ts';
import type { Codec } from '../../src/sframe/prefix.ts';
import { decodeHeader } from '../../src/sframe/header.ts';
import { parseKeyId } from '../../src/sframe/keyId.ts';
import type { Planted, TapRequest, TappedFrame } from './tap.ts';

export interface SealedFrame {
  readonly producerId: string;
  readonly codec: Codec;
  readonly sealed: Uint8Array;
  readonly lease: number;
  readonly stream: number;
  /** The epoch modulo 256, as the KID says. */
  readonly residue: number;
  readonly prefixBytes: number;
}

const describeFrame = ({ producerId, media, frame }: TappedFrame): SealedFrame => {
  const codec = media === 'audio' ? 'opus' : 'vp8';
  const prefixBytes = clearPrefixBytes(codec, frame);
  if (prefixBytes === null) throw new Error(`a ${codec} frame of ${frame.length} bytes`);
  const keyId = parseKeyId(decodeHeader(frame.subarray(prefixBytes)).kid);
  if (keyId === null) throw new Error('a KID that is not of this scheme');
  const { lease, stream, residue } = keyId;
  return { producerId, codec, sealed: frame, lease, stream, residue, prefixBytes };
};

export class TappedFrames {
  readonly all: SealedFrame[] = [];
  /** Of frames that are not sealed as they should be: the first is the test's failure. */
  readonly problems: unknown[] = [];
  readonly #server: ChildProcess;
  readonly #watchers = new Set<() => void>();

  constructor(server: ChildProcess) {
    this.#server = server;
    server.on('message', (message: TappedFrame | Planted) => {
      if (message.kind !== 'frame') return;
      try {
        this.all.push(describeFrame(message));
      } catch (thrown) {
        this.problems.push(thrown);
      }
      for (const watch of this.#watchers) watch();
    });
  }

  /** Resolves with the first `count` frames from now on for which it is true; video starts with a key frame. */
  async next(count: number, matches: (frame: SealedFrame) => boolean): Promise<SealedFrame[]> {
    const from = this.all.length;
    this.#ask({ kind: 'keyFrameWanted' });
    return await new Promise((resolve) => {
      const watch = (): void => {
        const found = this.all.slice(from).filter(matches);
        if (found.length < count) return;
        this.#watchers.delete(watch);
        resolve(found.slice(0, count));
      };
      this.#watchers.add(watch);
    });
  }

  /** Puts bytes into the server's memory that a scan must find. */
  async plant(bytes: Uint8Array): Promise<void> {
    const planted = new Promise<void>((resolve) => {
      const heard = (message: TappedFrame | Planted): void => {
        if (message.kind !== 'planted') return;
        this.#server.off('message', heard);
        resolve();
      };
      this.#server.on('message', heard);
    });
    this.#ask({ kind: 'plant', masked: bytes.map((byte) => byte ^ 0x5a) });
    await planted;
  }

  #ask(request: TapRequest): void {
    this.#server.send(request);
  }
}
