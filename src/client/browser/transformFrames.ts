// The path of encoded frames through the SFrame worker: out of the encoder, sealed, to the network; from the network, opened, to
// the decoder. What cannot be sealed or opened goes nowhere; there is no path around.

import type { LocalKeyAgent } from '../session/localKeyAgent.ts';
import type { TransformOptions } from './agentMessages.ts';

/** RTCEncodedVideoFrame or RTCEncodedAudioFrame. */
export interface EncodedFrame {
  data: ArrayBuffer;
}

/** RTCRtpScriptTransformer (WebRTC Encoded Transform §5). */
export interface ScriptTransformer {
  readonly readable: ReadableStream<EncodedFrame>;
  readonly writable: WritableStream<EncodedFrame>;
  readonly options: TransformOptions;
}

type Convert = (data: Uint8Array) => Promise<Uint8Array | null>;

export class FrameTransforms<Secret, Key> {
  readonly #agent: LocalKeyAgent<Secret, Key>;
  readonly #attached = new Map<number, AbortController>();

  constructor(agent: LocalKeyAgent<Secret, Key>) {
    this.#agent = agent;
  }

  /**
   * Resolves when it is detached or its sender or receiver has ended.
   * @throws LatchkeyError `closed`; RangeError for a stream that has another codec: the frames then go nowhere.
   */
  async attach({ readable, writable, options }: ScriptTransformer): Promise<void> {
    const { convert, close } = this.#open(options);
    const ended = new AbortController();
    this.#attached.set(options.transform, ended);
    const path = readable.pipeThrough(new TransformStream(transformer(convert)));
    // However the path ends, by `detach` or with its sender or receiver, it has ended: frames have no way to go.
    await Promise.allSettled([path.pipeTo(writable, { signal: ended.signal })]);
    this.#attached.delete(options.transform);
    close();
  }

  detach(transform: number): void {
    this.#attached.get(transform)?.abort();
  }

  #open(options: TransformOptions): { convert: Convert; close: () => void } {
    const { codec, stream } = options;
    if (options.direction === 'send') {
      const sender = this.#agent.sender(stream, codec);
      return { convert: (data) => sender.seal(data), close: () => undefined };
    }
    const receiver = this.#agent.receiver({ lease: options.lease, stream }, codec);
    return { convert: (data) => receiver.open(data), close: () => receiver.close() };
  }
}

/** One frame after the other, so that they leave in the order in which they came. */
const transformer = (convert: Convert): Transformer<EncodedFrame, EncodedFrame> => ({
  async transform(frame, controller) {
    const converted = await convert(new Uint8Array(frame.data));
    if (converted === null) return;
    frame.data = bufferOf(converted);
    controller.enqueue(frame);
  },
});

/** Exactly these bytes: a view's buffer may hold more. */
const bufferOf = (bytes: Uint8Array): ArrayBuffer =>
  bytes.buffer instanceof ArrayBuffer && bytes.byteLength === bytes.buffer.byteLength
    ? bytes.buffer
    : new Uint8Array(bytes).buffer;
