// The worker's end of the messages between page and SFrame worker: answers each call with what the agent says.

import { toLatchkeyError } from '../../protocol/errors.ts';
import type { KeyAgent } from '../session/keyAgent.ts';
import type { AgentCall, AgentCalls, CallName, FromWorker } from './agentMessages.ts';

export interface PagePort {
  postMessage(message: FromWorker): void;
  addEventListener(type: 'message', listener: (event: { readonly data: unknown }) => void): void;
}

type Table = {
  readonly [C in CallName]: (ask: AgentCalls[C]['ask']) => Promise<AgentCalls[C]['answer']>;
};

/** `onClosed` runs after the answer to `close` was posted. */
export const serveAgent = (
  agent: KeyAgent,
  port: PagePort,
  detach: (transform: number) => void,
  onClosed: () => void,
): void => {
  const table: Table = {
    begin: () => agent.begin(),
    admit: ({ admission, expected, timers }) => agent.admit(admission, expected, timers),
    receive: (message) => agent.receive(message),
    leases: async (changes) => {
      await agent.leases(changes);
      return null;
    },
    prove: (challenge) => agent.prove(challenge),
    activate: async (epoch) => {
      await agent.activate(epoch);
      return null;
    },
    stop: async () => {
      await agent.stop();
      return null;
    },
    verifyTransport: async (transport) => {
      await agent.verifyTransport(transport);
      return null;
    },
    counts: () => agent.counts(),
    detach: async (transform) => {
      detach(transform);
      return null;
    },
    close: async () => {
      agent.close();
      return null;
    },
  };

  const answer = async ({ id, call, ask }: AgentCall): Promise<void> => {
    const run = table[call] as (ask: AgentCall['ask']) => Promise<AgentCalls[CallName]['answer']>;
    try {
      port.postMessage({ id, ok: true, answer: await run(ask) });
    } catch (thrown) {
      const { code, message } = toLatchkeyError(thrown);
      port.postMessage({ id, ok: false, code, message });
    }
    if (call === 'close') onClosed();
  };

  agent.on('recovered', (data) => port.postMessage({ event: 'recovered', data }));
  agent.on('firstOpened', (data) => port.postMessage({ event: 'firstOpened', data }));
  agent.on('expired', (data) => port.postMessage({ event: 'expired', data }));
  agent.on('failed', (data) => port.postMessage({ event: 'failed', data }));
  port.addEventListener('message', ({ data }) => void answer(data as AgentCall));
};
