// Joining: the server's key, an ephemeral key pair, the token in the first message, the admission verified and opened. What
// comes out is a session whose first epoch is on its way.

import { fromBase64Url, toBase64Url } from '../../protocol/bytes.ts';
import { LatchkeyError } from '../../protocol/errors.ts';
import { joinSignatureInput } from '../../protocol/keyMessages.ts';
import { protocolVersion } from '../../protocol/names.ts';
import type { WaitingReason } from '../../protocol/names.ts';
import type { Ask } from '../../protocol/signaling.ts';
import { timers } from '../../protocol/timers.ts';
import { systemClock } from './clock.ts';
import type { Clock } from './clock.ts';
import type { KeyAgent } from './keyAgent.ts';
import { Knocking } from './knocking.ts';
import { fetchSigningKey } from './serverIdentity.ts';
import { Session } from './session.ts';
import { Signaling } from './signaling.ts';

export interface ConnectOptions {
  /** `https://host`, or `http://` on loopback. */
  readonly url: string;
  readonly token: string;
  /** The meeting that the token is believed to be for: a token for another is refused. */
  readonly meeting?: string;
  /** Owned by the session from here on: closed with it, and where joining fails. */
  readonly keyAgent: KeyAgent;
  /** Pins the server's Ed25519 key, 32 bytes. */
  readonly signingKey?: Uint8Array;
  /** For tokens bound to an Ed25519 key (`cnf`): 64 bytes over what is given. */
  readonly sign?: (message: Uint8Array) => Promise<Uint8Array>;
  /** That this client seals and opens its frames itself; servers let nobody else in. */
  readonly encodedTransforms: boolean;
  readonly clock?: Clock;
  /** 0 ≤ r < 1, for the pauses between attempts to come in or to come back. */
  readonly random?: () => number;
  readonly signal?: AbortSignal;
  readonly onProgress?: (step: 'server' | 'admission') => void;
  /** Called when it becomes one of these: before the door; `busy`: asked again by itself, for two minutes at most. */
  readonly onWaiting?: (reason: WaitingReason | 'busy') => void;
}

/** @throws LatchkeyError, or the signal's reason. */
export const connect = async (options: ConnectOptions): Promise<Session> => {
  const { keyAgent, clock = systemClock } = options;
  const signal = options.signal ?? new AbortController().signal;
  const random = options.random ?? Math.random;
  let knocking: Knocking | null = null;
  const abort = (): void => knocking?.close();
  signal.addEventListener('abort', abort);
  try {
    signal.throwIfAborted();
    options.onProgress?.('server');
    const [signingKey, opened] = await openBoth(options, clock, signal);
    knocking = new Knocking(opened, {
      clock,
      random,
      signal,
      open: () => Signaling.open(options.url, clock, timers.joinTimeoutMs.default),
      onWaiting: (reason) => options.onWaiting?.(reason),
    });
    options.onProgress?.('admission');
    const { publicKey } = await keyAgent.begin();
    const { signaling, joined, since } = await knocking.knock(await ask(options, publicKey));
    if (joined.protocol !== protocolVersion) throw new LatchkeyError('unsupported_protocol');
    const { meeting, participantId, role } = joined;
    const { lease, incarnation } = await keyAgent.admit(
      fromBase64Url(joined.admission) ?? new Uint8Array(),
      { meeting: meeting.id, participantId, role, signingKey },
      joined.timers,
    );
    signal.throwIfAborted();
    const open = (timeoutMs: number): Promise<Signaling> =>
      Signaling.open(options.url, clock, timeoutMs, timers.joinTimeoutMs.default);
    return new Session({
      signaling,
      agent: keyAgent,
      clock,
      random,
      open,
      signingKey,
      joined,
      lease,
      incarnation,
      since,
    });
  } catch (thrown) {
    knocking?.close();
    keyAgent.close();
    // What closing broke off failed because of the signal.
    signal.throwIfAborted();
    throw thrown;
  } finally {
    signal.removeEventListener('abort', abort);
  }
};

/** Side by side, since each costs a round trip; the first to fail ends the other. */
const openBoth = async (
  { url, signingKey: pinned }: ConnectOptions,
  clock: Clock,
  signal: AbortSignal,
): Promise<[Uint8Array, Signaling]> => {
  const failed = new AbortController();
  const [identity, signaling] = await Promise.allSettled([
    fetchSigningKey(url, pinned, AbortSignal.any([signal, failed.signal])),
    Signaling.open(url, clock, timers.joinTimeoutMs.default).catch((thrown: unknown) => {
      failed.abort(thrown);
      throw thrown;
    }),
  ]);
  if (signaling.status === 'rejected') throw signaling.reason;
  if (identity.status === 'rejected') {
    signaling.value.close();
    throw identity.reason;
  }
  return [identity.value, signaling.value];
};

const ask = async (options: ConnectOptions, publicKey: Uint8Array): Promise<Ask<'join'>> => {
  const { token, meeting, sign, encodedTransforms } = options;
  const signature = await sign?.(joinSignatureInput({ token, publicKey }));
  return {
    protocol: protocolVersion,
    token,
    ...(meeting === undefined ? {} : { meeting }),
    publicKey: toBase64Url(publicKey),
    ...(signature === undefined ? {} : { signature: toBase64Url(signature) }),
    encodedTransforms,
  };
};
