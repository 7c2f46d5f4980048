// Starts the SFrame worker and attaches senders and receivers to it.

import { LatchkeyError } from '../../protocol/errors.ts';
import type { Lease, StreamId } from '../../protocol/names.ts';
import type { Codec } from '../../sframe/prefix.ts';
import type { TransformOptions } from './agentMessages.ts';
import { WorkerKeyAgent } from './workerKeyAgent.ts';

/** Beside this module; a name of its own, so that bundlers of the page leave it alone. */
const workerFile = 'sframeWorker.js';

/**
 * Browsers start workers of the page's own origin only. From elsewhere, a worker of this origin imports it: the page's policy must
 * allow `worker-src blob:` and, for what that worker imports, `worker-src` and `script-src` of the server.
 */
const startWorker = (url: URL): Worker => {
  try {
    return newWorker(url);
  } catch (cause) {
    throw new LatchkeyError('media_unsupported', "this page's policy does not let the worker start", {
      cause,
    });
  }
};

/**
 * Browsers start workers of the page's own origin only. From elsewhere, a worker of this origin imports it: the page's policy must
 * allow `worker-src blob:` and `script-src` of the server.
 */
const newWorker = (url: URL): Worker => {
  const options = { type: 'module', name: 'latchkey-sframe' } as const;
  if (url.origin === globalThis.location.origin) return new Worker(url, options);
  const source = new Blob([`import ${JSON.stringify(url.href)};`], { type: 'text/javascript' });
  const blobUrl = URL.createObjectURL(source);
  try {
    return new Worker(blobUrl, options);
  } finally {
    // Fetching has begun with the worker's own reference to the blob (HTML, "run a worker").
    URL.revokeObjectURL(blobUrl);
  }
};

export interface AttachedFrames {
  detach(): void;
}

export class SFrameThread {
  readonly agent: WorkerKeyAgent;
  readonly #worker: Worker;
  #lastTransform = 0;

  constructor(url: URL = new URL(workerFile, import.meta.url)) {
    this.#worker = startWorker(url);
    this.agent = new WorkerKeyAgent(this.#worker);
  }

  /** Call it where the sender was just made: no frame may leave before. */
  seal(sender: RTCRtpSender, stream: StreamId, codec: Codec): AttachedFrames {
    const transform = ++this.#lastTransform;
    sender.transform = this.#transform({ direction: 'send', transform, stream, codec });
    return this.#attached(transform);
  }

  open(receiver: RTCRtpReceiver, origin: { lease: Lease; stream: StreamId }, codec: Codec): AttachedFrames {
    const transform = ++this.#lastTransform;
    receiver.transform = this.#transform({ direction: 'receive', transform, ...origin, codec });
    return this.#attached(transform);
  }

  #transform(options: TransformOptions): RTCRtpScriptTransform {
    return new RTCRtpScriptTransform(this.#worker, options);
  }

  #attached(transform: number): AttachedFrames {
    return {
      // The transform stays set, and a path that was taken away lets nothing through.
      detach: () => {
        this.agent.detach(transform).catch((thrown: unknown) => {
          // Closed meanwhile: everything is detached.
          if (!(thrown instanceof LatchkeyError)) throw thrown;
        });
      },
    };
  }
}
