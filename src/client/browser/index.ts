// Latchkey's SDK: `joinMeeting` and the types of what it gives. Nothing else is exported, keys least of all.

import './noEval.ts';
import { fromBase64Url } from '../../protocol/bytes.ts';
import { lengths } from '../../protocol/names.ts';
import { timers } from '../../protocol/timers.ts';
import { connect } from '../session/connect.ts';
import type { Session } from '../session/session.ts';
import type { JoinMeeting, JoinOptions } from './api.ts';
import { KeyedMeeting } from './keyedMeeting.ts';
import { SFrameThread } from './sframeThread.ts';
import { assertSupported } from './support.ts';

export type * from './api.ts';
export { LatchkeyError } from '../../protocol/errors.ts';

/**
 * Joins a meeting. Resolves when its key is here and in use and the media transports are made.
 * @throws LatchkeyError, of which `code` says why; TypeError for options that cannot be; `options.signal`'s reason.
 */
export const joinMeeting: JoinMeeting = async (options) => {
  const signingKey = pinned(options.signingKey);
  options.signal?.throwIfAborted();
  options.onProgress?.('support');
  assertSupported();
  const thread = new SFrameThread();
  const session = await connectSession(options, thread, signingKey);
  const abort = (): void => session.close();
  options.signal?.addEventListener('abort', abort);
  try {
    options.onProgress?.('key');
    const meeting = await KeyedMeeting.open(session, thread, timers.joinTimeoutMs.default, () =>
      options.onProgress?.('media'),
    );
    options.onProgress?.('joined');
    return meeting;
  } catch (thrown) {
    options.signal?.throwIfAborted();
    throw thrown;
  } finally {
    options.signal?.removeEventListener('abort', abort);
  }
};

const connectSession = (
  options: JoinOptions,
  thread: SFrameThread,
  signingKey: Uint8Array | null,
): Promise<Session> => {
  const { url, token, meeting, sign, signal, onProgress, onWaiting } = options;
  return connect({
    url,
    token,
    keyAgent: thread.agent,
    encodedTransforms: true,
    ...(meeting === undefined ? {} : { meeting }),
    ...(signingKey === null ? {} : { signingKey }),
    ...(sign === undefined ? {} : { sign }),
    ...(signal === undefined ? {} : { signal }),
    ...(onProgress === undefined ? {} : { onProgress }),
    ...(onWaiting === undefined ? {} : { onWaiting }),
  });
};

const pinned = (signingKey: string | undefined): Uint8Array | null => {
  if (signingKey === undefined) return null;
  const bytes = fromBase64Url(signingKey);
  if (bytes?.length !== lengths.publicKey) throw new TypeError('"signingKey" expected 32 bytes in base64url');
  return bytes;
};
