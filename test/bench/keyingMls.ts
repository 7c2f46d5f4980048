// A group ratchet: MLS (RFC 9420) by ts-mls. One member commits the removal or the addition, everybody else processes the commit,
// a newcomer its welcome. Messages are encoded and decoded as on a wire.
//
// In big groups only some members are kept, spread over the tree, and stand for all: a group of 200 whose members all process every
// commit takes minutes a round. Each of those kept has committed once, so that the tree above them is filled, which is kind to MLS:
// in a group that one member has added everybody to, commits are longer.

// Module by module: the package's index needs another package, for a provider that is not used here, and does not say so.
import { createGroup, joinGroup } from 'ts-mls/clientState.js';
import { createCommit } from 'ts-mls/createCommit.js';
import { getCiphersuiteFromName } from 'ts-mls/crypto/ciphersuite.js';
import type { CiphersuiteImpl } from 'ts-mls/crypto/ciphersuite.js';
import { getCiphersuiteImpl } from 'ts-mls/crypto/getCiphersuiteImpl.js';
import { defaultCapabilities } from 'ts-mls/defaultCapabilities.js';
import { acceptAll } from 'ts-mls/incomingMessageAction.js';
import { generateKeyPackage } from 'ts-mls/keyPackage.js';
import { defaultLifetime } from 'ts-mls/lifetime.js';
import { decodeMlsMessage, encodeMlsMessage } from 'ts-mls/message.js';
import type { MLSMessage } from 'ts-mls/message.js';
import { processMessage } from 'ts-mls/processMessages.js';
import type { Proposal } from 'ts-mls/proposal.js';
import { emptyPskIndex } from 'ts-mls/pskIndex.js';
import { Stopwatch } from './keyingCosts.ts';
import type { Change, Costs, Group, Way } from './keyingCosts.ts';
import type { Rng } from './statistics.ts';

/** The suite of every implementation, and X25519 as ours. */
const suite = 'MLS_128_DHKEMX25519_AES128GCM_SHA256_Ed25519';
/** Groups up to this size have all their members here. */
const keptWhole = 50;
/** Of bigger ones: so many receivers. */
const keptReceivers = 8;
/** Commits of set-up, that fill the tree. */
const fillingCommits = 9;

type State = Parameters<typeof createCommit>[0]['state'];
type KeyPackages = Awaited<ReturnType<typeof generateKeyPackage>>;

interface Member {
  readonly leaf: number;
  state: State;
}

/** As sent; `welcome` is empty where nobody was added. */
interface Made {
  readonly commit: Uint8Array;
  readonly welcome: Uint8Array;
}

/** What each call costs, by RFC 9180 and RFC 9420: HPKE's seal makes a key pair and a product, its open a product. */
const counting = (impl: CiphersuiteImpl, count: (operations: number) => void): CiphersuiteImpl => {
  const { hpke, signature } = impl;
  const counted = <T>(operations: number, call: () => T): T => {
    count(operations);
    return call();
  };
  return {
    ...impl,
    hpke: {
      ...hpke,
      seal: (...call) => counted(2, () => hpke.seal(...call)),
      open: (...call) => counted(1, () => hpke.open(...call)),
      exportSecret: (...call) => counted(2, () => hpke.exportSecret(...call)),
      importSecret: (...call) => counted(1, () => hpke.importSecret(...call)),
      deriveKeyPair: (...call) => counted(1, () => hpke.deriveKeyPair(...call)),
      generateKeyPair: () => counted(1, () => hpke.generateKeyPair()),
    },
    signature: {
      sign: (...call) => counted(1, () => signature.sign(...call)),
      verify: (...call) => counted(1, () => signature.verify(...call)),
      keygen: () => counted(1, () => signature.keygen()),
    },
  };
};

const decode = (bytes: Uint8Array): MLSMessage => decodeMlsMessage(bytes, 0)?.[0] ?? malformed();

const malformed = (): never => {
  throw new Error('not a message of MLS');
};

class MlsGroup implements Group {
  readonly #impl: CiphersuiteImpl;
  readonly #rng: Rng;
  #watch = new Stopwatch();
  #size = 0;
  /** Of the leaf that the last departure left, which the next newcomer takes (RFC 9420 §12.1.1: the leftmost blank one). */
  #freeLeaf = 0;
  /** The first commits. */
  readonly #members: Member[] = [];

  constructor(impl: CiphersuiteImpl, rng: Rng) {
    this.#impl = counting(impl, (operations) => (this.#watch.publicKeyOperations += operations));
    this.#rng = rng;
  }

  async fill(size: number): Promise<void> {
    this.#size = size;
    const first = await this.#keyPackages('0');
    const groupId = new TextEncoder().encode('bench');
    const state = await createGroup(groupId, first.publicPackage, first.privatePackage, [], this.#impl);
    const others: KeyPackages[] = [];
    while (others.length < size - 1) others.push(await this.#keyPackages(String(others.length + 1)));
    const committer = { leaf: 0, state };
    const adding = await this.#commit(
      committer,
      others.map(({ publicPackage }) => ({ proposalType: 'add', add: { keyPackage: publicPackage } })),
    );
    this.#members.push(committer);
    const kept = size <= keptWhole ? size - 1 : keptReceivers;
    for (let i = 0; i < kept; i++) {
      const at = Math.floor((i * others.length) / kept);
      this.#members.push({
        leaf: at + 1,
        state: await this.#welcomed(adding.welcome, others[at] ?? malformed()),
      });
    }
    for (const filling of this.#members.slice(0, fillingCommits)) {
      const { commit } = await this.#commit(filling, []);
      for (const member of this.#members) if (member !== filling) await this.#process(commit, member);
    }
  }

  async change(kind: Change): Promise<Costs> {
    this.#watch = new Stopwatch();
    return this.#watch.costs(await (kind === 'join' ? this.#join() : this.#depart()));
  }

  async close(): Promise<void> {
    this.#members.length = 0;
  }

  async #depart() {
    this.#freeLeaf = this.#whoDeparts();
    const gone = this.#members.findIndex(({ leaf }) => leaf === this.#freeLeaf);
    if (gone !== -1) this.#members.splice(gone, 1);
    const made = await this.#committed({ proposalType: 'remove', remove: { removed: this.#freeLeaf } });
    const { length } = made.commit;
    await this.#watch.together({ works: this.#receiving(made.commit), parties: this.#size - 2 });
    return { messages: 1, madeBytes: length, receivedBytes: length };
  }

  async #join() {
    let newcomer: KeyPackages | null = null;
    await this.#watch.alone(async () => {
      newcomer = await this.#keyPackages('newcomer');
    });
    const packages: KeyPackages = newcomer ?? malformed();
    const keyPackage = encodeMlsMessage({
      keyPackage: packages.publicPackage,
      wireformat: 'mls_key_package',
      version: 'mls10',
    });
    const made = await this.#committed({
      proposalType: 'add',
      add: { keyPackage: packages.publicPackage },
    });
    let state: State | null = null;
    await this.#watch.together(
      {
        works: [
          async () => {
            state = await this.#welcomed(made.welcome, packages);
          },
        ],
      },
      { works: this.#receiving(made.commit), parties: this.#size - 2 },
    );
    if (this.#size <= keptWhole) this.#members.push({ leaf: this.#freeLeaf, state: state ?? malformed() });
    const { length } = made.commit;
    return {
      messages: 3,
      madeBytes: keyPackage.length + length + made.welcome.length,
      receivedBytes: length,
    };
  }

  /** Not whoever commits; where only some are kept, none of those. */
  #whoDeparts(): number {
    const kept = this.#members.map(({ leaf }) => leaf);
    const stays = this.#size <= keptWhole ? kept.slice(0, 1) : kept;
    for (;;) {
      const leaf = Math.floor(this.#rng() * this.#size);
      if (!stays.includes(leaf)) return leaf;
    }
  }

  async #keyPackages(identity: string): Promise<KeyPackages> {
    const credential = { credentialType: 'basic', identity: new TextEncoder().encode(identity) } as const;
    return await generateKeyPackage(credential, defaultCapabilities(), defaultLifetime, [], this.#impl);
  }

  async #committed(proposal: Proposal): Promise<Made> {
    const [committer] = this.#members;
    if (committer === undefined) return malformed();
    let made: Made | null = null;
    await this.#watch.alone(async () => {
      made = await this.#commit(committer, [proposal]);
    });
    return made ?? malformed();
  }

  async #commit(committer: Member, extraProposals: Proposal[]): Promise<Made> {
    const { newState, commit, welcome } = await createCommit(
      { state: committer.state, cipherSuite: this.#impl },
      { extraProposals, ratchetTreeExtension: true },
    );
    committer.state = newState;
    return {
      commit: encodeMlsMessage(commit),
      welcome:
        welcome === undefined
          ? new Uint8Array()
          : encodeMlsMessage({ welcome, wireformat: 'mls_welcome', version: 'mls10' }),
    };
  }

  #receiving(commit: Uint8Array) {
    return this.#members.slice(1).map((member) => () => this.#process(commit, member));
  }

  async #process(commit: Uint8Array, member: Member): Promise<void> {
    const message = decode(commit);
    if (message.wireformat !== 'mls_private_message') return malformed();
    const done = await processMessage(message, member.state, emptyPskIndex, acceptAll, this.#impl);
    member.state = done.newState;
  }

  async #welcomed(welcome: Uint8Array, { publicPackage, privatePackage }: KeyPackages): Promise<State> {
    const message = decode(welcome);
    if (message.wireformat !== 'mls_welcome') return malformed();
    return await joinGroup(message.welcome, publicPackage, privatePackage, emptyPskIndex, this.#impl);
  }
}

export const groupRatchet = (rng: Rng): Way => ({
  name: 'group ratchet',
  async open(size) {
    const impl = await getCiphersuiteImpl(getCiphersuiteFromName(suite));
    const group = new MlsGroup(impl, rng);
    await group.fill(size);
    return group;
  },
});
