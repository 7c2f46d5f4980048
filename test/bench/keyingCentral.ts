// Ours: the custodian's vault and every participant's key agent over WebCrypto as in a browser, in this process. A change is one rekey, and
// the newcomer's admission.

import { LocalKeyAgent } from '../../src/client/session/localKeyAgent.ts';
import { createAgentCrypto } from '../../src/client/browser/agentCrypto.ts';
import type { AgentCrypto } from '../../src/client/session/agentCrypto.ts';
import { systemClock } from '../../src/client/session/clock.ts';
import type { RekeyAnswer } from '../../src/custodian/custodian.ts';
import type { Lease } from '../../src/protocol/names.ts';
import { defaultTimers } from '../../src/protocol/timers.ts';
import { admissionAsk, openVault, rekeyAsk } from './custodianParts.ts';
import type { KeyHolder } from './custodianParts.ts';
import { Stopwatch } from './keyingCosts.ts';
import type { Change, Costs, Group, Way } from './keyingCosts.ts';
import type { Rng } from './statistics.ts';

/** Of the vault, by definition: HPKE's encapsulation is a key pair and a product, and the admission is signed; so is a rekey. */
const admissionOperations = 3;
const rekeyOperations = 1;
/** Beside the admission's answer: the public key that is asked with. */
const publicKeyBytes = 32;

interface Member {
  readonly lease: Lease;
  readonly agent: LocalKeyAgent<CryptoKey, CryptoKey>;
}

/** The operations of participants are counted where they are made. */
const countedCrypto = (count: () => void): AgentCrypto<CryptoKey, CryptoKey> => {
  const crypto = createAgentCrypto();
  return {
    ...crypto,
    verify: (...call) => {
      count();
      return crypto.verify(...call);
    },
    newRecipient: async () => {
      count();
      const recipient = await crypto.newRecipient();
      return {
        publicKey: recipient.publicKey,
        open: (...call) => {
          count();
          return recipient.open(...call);
        },
      };
    },
  };
};

class CentralGroup implements Group {
  readonly #vault: KeyHolder = openVault();
  readonly #rng: Rng;
  readonly #members: Member[] = [];
  #watch = new Stopwatch();

  constructor(rng: Rng) {
    this.#rng = rng;
  }

  async fill(size: number): Promise<void> {
    const joining: Member[] = [];
    while (joining.length < size) joining.push((await this.#admit()).member);
    const answer = await this.#vault.rekey(rekeyAsk({ joins: joining.map(({ lease }) => lease) }));
    for (const [at, { message }] of answer.welcomes.entries()) await joining[at]?.agent.receive(message);
    this.#members.push(...joining);
  }

  async change(kind: Change): Promise<Costs> {
    this.#watch = new Stopwatch();
    return this.#watch.costs(await (kind === 'join' ? this.#join() : this.#depart()));
  }

  async close(): Promise<void> {
    for (const { agent } of this.#members) agent.close();
    await this.#vault.close();
  }

  async #admit(): Promise<{ member: Member; bytes: number }> {
    const agent = new LocalKeyAgent(
      countedCrypto(() => this.#watch.publicKeyOperations++),
      systemClock,
    );
    let publicKey = new Uint8Array(publicKeyBytes);
    await this.#watch.alone(async () => {
      publicKey = new Uint8Array((await agent.begin()).publicKey);
    });
    const ask = admissionAsk(publicKey);
    let admission = new Uint8Array();
    await this.#watch.alone(async () => {
      admission = new Uint8Array((await this.#vault.admit(ask)).admission);
    });
    this.#watch.publicKeyOperations += admissionOperations;
    const expected = {
      meeting: ask.meeting,
      participantId: ask.participant,
      role: ask.role,
      signingKey: this.#vault.signingKey,
    };
    let member: Member | null = null;
    await this.#watch.alone(async () => {
      const { lease } = await agent.admit(admission, expected, defaultTimers);
      member = { lease, agent };
    });
    return { member: member ?? unadmitted(), bytes: admission.length };
  }

  async #rekey(change: Parameters<typeof rekeyAsk>[0]): Promise<RekeyAnswer> {
    let answer: RekeyAnswer | null = null;
    await this.#watch.alone(async () => {
      answer = await this.#vault.rekey(rekeyAsk(change));
    });
    this.#watch.publicKeyOperations += rekeyOperations;
    return answer ?? unadmitted();
  }

  #receiving(message: Uint8Array) {
    return this.#members.map(
      ({ agent }) =>
        () =>
          agent.receive(message),
    );
  }

  async #depart() {
    const [departed] = this.#members.splice(Math.floor(this.#rng() * this.#members.length), 1);
    if (departed === undefined) return unadmitted();
    const { rekey } = await this.#rekey({ departures: [departed.lease] });
    departed.agent.close();
    const message = rekey ?? unadmitted();
    await this.#watch.together({ works: this.#receiving(message) });
    return { messages: 1, madeBytes: message.length, receivedBytes: message.length };
  }

  async #join() {
    const { member, bytes } = await this.#admit();
    const { rekey, welcomes } = await this.#rekey({ joins: [member.lease] });
    const message = rekey ?? unadmitted();
    const welcome = welcomes[0]?.message ?? unadmitted();
    await this.#watch.together(
      { works: [() => member.agent.receive(welcome)] },
      { works: this.#receiving(message) },
    );
    this.#members.push(member);
    // Asked, admitted, welcomed, and the rekey of the others.
    return {
      messages: 4,
      madeBytes: bytes + welcome.length + message.length,
      receivedBytes: message.length,
    };
  }
}

const unadmitted = (): never => {
  throw new Error('the vault did not answer as a vault does');
};

export const central = (rng: Rng): Way => ({
  name: 'central',
  async open(size) {
    const group = new CentralGroup(rng);
    await group.fill(size);
    return group;
  },
});
