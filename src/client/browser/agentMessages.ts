// What page and SFrame worker say to each other: calls with their answers, and the agent's events. The one schema of these messages,
// and with KeyAgent's methods all that passes between the two: there is no message that carries a key.

import type { ErrorCode } from '../../protocol/errors.ts';
import type { EpochId, Lease, StreamId } from '../../protocol/names.ts';
import type { Codec } from '../../sframe/prefix.ts';
import type {
  AdmissionExpectation,
  AdmissionProof,
  FrameCounts,
  InstalledEpoch,
  KeyAgentEvents,
  KeyTimers,
  LeaseChange,
  SignedTransport,
} from '../session/keyAgent.ts';

export interface AgentCalls {
  readonly begin: { ask: null; answer: { readonly publicKey: Uint8Array } };
  readonly admit: {
    ask: {
      readonly admission: Uint8Array;
      readonly expected: AdmissionExpectation;
      readonly timers: KeyTimers;
    };
    answer: { readonly lease: Lease; readonly incarnation: Uint8Array };
  };
  readonly receive: { ask: Uint8Array; answer: readonly InstalledEpoch[] };
  readonly leases: { ask: readonly LeaseChange[]; answer: null };
  /** Proofs pass; the secrets that they are made with do not. */
  readonly prove: { ask: Uint8Array; answer: readonly AdmissionProof[] };
  readonly activate: { ask: EpochId; answer: null };
  readonly stop: { ask: null; answer: null };
  readonly verifyTransport: { ask: SignedTransport; answer: null };
  readonly counts: { ask: null; answer: FrameCounts };
  /** A transform's frames are not wanted any more. */
  readonly detach: { ask: number; answer: null };
  /** Answered once keys are overwritten; the worker ends itself after it. */
  readonly close: { ask: null; answer: null };
}

export type CallName = keyof AgentCalls;

export type AgentCall = {
  [C in CallName]: { readonly id: number; readonly call: C; readonly ask: AgentCalls[C]['ask'] };
}[CallName];

export type AgentReply =
  | { readonly id: number; readonly ok: true; readonly answer: AgentCalls[CallName]['answer'] }
  | { readonly id: number; readonly ok: false; readonly code: ErrorCode; readonly message: string };

export type AgentEvent = {
  [E in keyof KeyAgentEvents]: { readonly event: E; readonly data: KeyAgentEvents[E] };
}[keyof KeyAgentEvents];

export type FromWorker = AgentReply | AgentEvent;

/** The options of an RTCRtpScriptTransform: one sender's or one receiver's frames. */
export type TransformOptions = {
  /** By which it is detached. */
  readonly transform: number;
  readonly codec: Codec;
  readonly stream: StreamId;
} & ({ readonly direction: 'send' } | { readonly direction: 'receive'; readonly lease: Lease });
