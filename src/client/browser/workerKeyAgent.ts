// The key agent as the page has it: a proxy to the one in the SFrame worker. It waits for answers and passes events on.

import { LatchkeyError } from '../../protocol/errors.ts';
import type { EpochId } from '../../protocol/names.ts';
import { Emitter } from '../session/emitter.ts';
import type {
  AdmissionExpectation,
  FrameCounts,
  KeyAgent,
  KeyAgentEvents,
  KeyTimers,
  LeaseChange,
  SignedTransport,
} from '../session/keyAgent.ts';
import type { AgentCalls, AgentEvent, CallName, FromWorker } from './agentMessages.ts';

/** What is used of a Worker. */
export interface WorkerPort {
  postMessage(message: unknown): void;
  addEventListener(type: 'message', listener: (event: { readonly data: unknown }) => void): void;
  addEventListener(type: 'error' | 'messageerror', listener: () => void): void;
  terminate(): void;
}

/** A worker that does not answer `close` is ended after this time, in milliseconds. */
const closeGraceMs = 1_000;

interface Pending {
  readonly resolve: (answer: never) => void;
  readonly reject: (error: LatchkeyError) => void;
}

export class WorkerKeyAgent implements KeyAgent {
  readonly #worker: WorkerPort;
  readonly #events = new Emitter<KeyAgentEvents>();
  readonly #pending = new Map<number, Pending>();
  #lastId = 0;
  #started = false;
  /** Not null: over, and why. */
  #over: LatchkeyError | null = null;

  constructor(worker: WorkerPort) {
    this.#worker = worker;
    worker.addEventListener('message', ({ data }) => this.#receive(data as FromWorker));
    // An error that nobody caught, or a script that does not load: keys are in doubt, and nothing would be sealed.
    worker.addEventListener('error', () => this.#lost());
    worker.addEventListener('messageerror', () => this.#lost());
  }

  on<E extends keyof KeyAgentEvents>(event: E, listener: (data: KeyAgentEvents[E]) => void): () => void {
    return this.#events.on(event, listener);
  }

  begin(): Promise<AgentCalls['begin']['answer']> {
    return this.#call('begin', null);
  }

  admit(
    admission: Uint8Array,
    expected: AdmissionExpectation,
    timers: KeyTimers,
  ): Promise<AgentCalls['admit']['answer']> {
    return this.#call('admit', { admission, expected, timers });
  }

  receive(message: Uint8Array): Promise<AgentCalls['receive']['answer']> {
    return this.#call('receive', message);
  }

  async leases(changes: readonly LeaseChange[]): Promise<void> {
    await this.#call('leases', changes);
  }

  prove(challenge: Uint8Array): Promise<AgentCalls['prove']['answer']> {
    return this.#call('prove', challenge);
  }

  async activate(epoch: EpochId): Promise<void> {
    await this.#call('activate', epoch);
  }

  async stop(): Promise<void> {
    if (this.#over === null) await this.#call('stop', null);
  }

  async verifyTransport(transport: SignedTransport): Promise<void> {
    await this.#call('verifyTransport', transport);
  }

  counts(): Promise<FrameCounts> {
    return this.#call('counts', null);
  }

  async detach(transform: number): Promise<void> {
    if (this.#over === null) await this.#call('detach', transform);
  }

  close(): void {
    if (this.#over !== null) return;
    // The worker ends only after it has overwritten what it can; one that hangs is ended from here.
    const end = (): void => {
      clearTimeout(timer);
      this.#worker.terminate();
    };
    const timer = setTimeout(end, closeGraceMs);
    this.#call('close', null).then(end, end);
    this.#shut(new LatchkeyError('closed'), this.#lastId);
    this.#events.clear();
  }

  #call<C extends CallName>(call: C, ask: AgentCalls[C]['ask']): Promise<AgentCalls[C]['answer']> {
    if (this.#over !== null) return Promise.reject(this.#over);
    const id = ++this.#lastId;
    return new Promise((resolve, reject) => {
      this.#pending.set(id, { resolve, reject });
      // oxlint-disable-next-line unicorn/require-post-message-target-origin -- that is a window's
      this.#worker.postMessage({ id, call, ask });
    });
  }

  #receive(message: FromWorker): void {
    this.#started = true;
    if ('event' in message) {
      if (this.#over === null) this.#emit(message);
      return;
    }
    const pending = this.#pending.get(message.id);
    this.#pending.delete(message.id);
    if (message.ok) pending?.resolve(message.answer as never);
    else pending?.reject(new LatchkeyError(message.code, message.message));
  }

  #emit<E extends keyof KeyAgentEvents>({ event, data }: AgentEvent & { event: E }): void {
    this.#events.emit(event, data as KeyAgentEvents[E]);
  }

  #lost(): void {
    if (this.#over !== null) return;
    this.#worker.terminate();
    const error = this.#started
      ? new LatchkeyError('internal', 'the worker that seals the media ended')
      : new LatchkeyError('media_unsupported', "the worker did not start: this page's policy must allow it");
    this.#shut(error, null);
    const { code, message } = error;
    this.#events.emit('failed', { code, message });
    this.#events.clear();
  }

  /** `except`: the call whose answer is still to come. */
  #shut(error: LatchkeyError, except: number | null): void {
    this.#over = error;
    for (const [id, { reject }] of this.#pending) {
      if (id === except) continue;
      this.#pending.delete(id);
      reject(error);
    }
  }
}
