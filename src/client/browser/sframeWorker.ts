// The SFrame worker: the one place in a browser that holds keys. The page calls it by messages (agentMessages.ts); the browser
// hands it the encoded frames of senders and receivers that the page gave an RTCRtpScriptTransform.

import { LatchkeyError } from '../../protocol/errors.ts';
import { systemClock } from '../session/clock.ts';
import { LocalKeyAgent } from '../session/localKeyAgent.ts';
import { createAgentCrypto } from './agentCrypto.ts';
import { serveAgent } from './serveAgent.ts';
import type { PagePort } from './serveAgent.ts';
import { FrameTransforms } from './transformFrames.ts';
import type { ScriptTransformer } from './transformFrames.ts';

/** What is used of DedicatedWorkerGlobalScope, which TypeScript's DOM library does not know. */
interface WorkerScope extends PagePort {
  onrtctransform: ((event: { readonly transformer: ScriptTransformer }) => void) | null;
  close(): void;
}

declare const self: WorkerScope;

const agent = new LocalKeyAgent(createAgentCrypto(), systemClock);
const transforms = new FrameTransforms(agent);

serveAgent(
  agent,
  self,
  (transform) => transforms.detach(transform),
  () => self.close(),
);
self.onrtctransform = ({ transformer }) => {
  transforms.attach(transformer).catch((thrown: unknown) => {
    // A page that asks for what cannot be is told by the worker's `error` event; after the end there is nobody to tell.
    if (!(thrown instanceof LatchkeyError)) throw thrown;
  });
};
