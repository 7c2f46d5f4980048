// Pairwise ratchets, as Matrix keys its groups: every two members have an Olm session, and whoever sends makes a Megolm key and hands it
// to each of the others by Olm. Measured is one sender's key, with sessions that the sender has used before and that nobody has answered
// since: no ratchet turns, which is kind to Olm. Where everybody sends, everybody does all of this.

import Olm from '@matrix-org/olm';
import { Stopwatch } from './keyingCosts.ts';
import type { Change, Costs, Group, Way } from './keyingCosts.ts';
import type { Rng } from './statistics.ts';

type Account = InstanceType<typeof Olm.Account>;
type Session = InstanceType<typeof Olm.Session>;

/**
 * By Olm's definition, since its WebAssembly cannot be counted. Set-up: the newcomer makes an ephemeral and a ratchet key and three products, the
 * other end made a one-time key and makes three products. The first answer turns the ratchet: a key pair and a product, and a product.
 */
const sessionOperations = 5 + 4;
const firstAnswerOperations = 3;
/** A Megolm session: an Ed25519 key pair, and its signature over what is handed on. */
const ownKeyOperations = 2;
const takenKeyOperations = 1;

interface Member {
  readonly account: Account;
  readonly identityKey: string;
  /** Its end of the session with the sender. */
  session: Session | null;
}

interface Sealed {
  readonly type: 0 | 1;
  readonly body: string;
}

/** Unpadded base64 is what Olm's interface gives; on a wire it need not be. */
const bytesOf = ({ body }: Sealed): number => Math.floor((body.length * 3) / 4);

const newMember = (): Member => {
  const account = new Olm.Account();
  account.create();
  const { curve25519 } = JSON.parse(account.identity_keys()) as { curve25519: string };
  return { account, identityKey: curve25519, session: null };
};

const oneTimeKeyOf = ({ account }: Member): string => {
  account.generate_one_time_keys(1);
  const { curve25519 } = JSON.parse(account.one_time_keys()) as { curve25519: Record<string, string> };
  account.mark_keys_as_published();
  return Object.values(curve25519)[0] ?? broken();
};

const broken = (): never => {
  throw new Error('Olm did not answer as it does');
};

const free = ({ account, session }: Member): void => {
  session?.free();
  account.free();
};

class PairwiseGroup implements Group {
  readonly #rng: Rng;
  readonly #sender = newMember();
  /** The sender's end of the session with each of the others. */
  readonly #others = new Map<Member, Session>();
  #ownKey = new Olm.OutboundGroupSession();
  #watch = new Stopwatch();

  constructor(rng: Rng) {
    this.#rng = rng;
  }

  async fill(size: number): Promise<void> {
    while (this.#others.size < size - 1) {
      const member = newMember();
      const { theirs } = this.#connect(this.#sender, member);
      this.#others.set(member, theirs);
    }
    await this.#handOut();
  }

  async change(kind: Change): Promise<Costs> {
    this.#watch = new Stopwatch();
    return this.#watch.costs(await (kind === 'join' ? this.#join() : this.#depart()));
  }

  async close(): Promise<void> {
    this.#ownKey.free();
    for (const [member, session] of this.#others) {
      session.free();
      free(member);
    }
    this.#others.clear();
    free(this.#sender);
  }

  /** The newcomer's half of every session, then the others' halves; the newcomer has one with the sender like everybody. */
  #connect(other: Member, newcomer: Member): { theirs: Session; bytes: number } {
    const ours = new Olm.Session();
    ours.create_outbound(newcomer.account, other.identityKey, oneTimeKeyOf(other));
    const hello = ours.encrypt('hello');
    newcomer.session = ours;
    const theirs = this.#accept(other, hello);
    return { theirs, bytes: bytesOf(hello) };
  }

  #accept({ account }: Member, hello: Sealed): Session {
    const session = new Olm.Session();
    session.create_inbound(account, hello.body);
    session.decrypt(hello.type, hello.body);
    account.remove_one_time_keys(session);
    return session;
  }

  async #depart() {
    const members = [...this.#others.keys()];
    const gone = members[Math.floor(this.#rng() * members.length)] ?? broken();
    this.#others.get(gone)?.free();
    this.#others.delete(gone);
    free(gone);
    return await this.#handOut();
  }

  async #join() {
    const newcomer = newMember();
    const everybody = [this.#sender, ...this.#others.keys()];
    const oneTimeKeys: string[] = [];
    await this.#watch.together({
      works: everybody.map((other) => () => oneTimeKeys.push(oneTimeKeyOf(other))),
    });
    const hellos: Sealed[] = [];
    const sessions: Session[] = [];
    await this.#watch.alone(() => {
      everybody.forEach(({ identityKey }, at) => {
        const session = new Olm.Session();
        session.create_outbound(newcomer.account, identityKey, oneTimeKeys[at] ?? broken());
        sessions.push(session);
        hellos.push(session.encrypt('hello'));
      });
    });
    const theirs: Session[] = [];
    await this.#watch.together({
      works: everybody.map((other, at) => () => theirs.push(this.#accept(other, hellos[at] ?? broken()))),
    });
    this.#watch.publicKeyOperations += everybody.length * sessionOperations + firstAnswerOperations;
    // Only the session with the sender is needed again.
    const [withSender, ...rest] = sessions;
    const [ofSender, ...restTheirs] = theirs;
    for (const session of [...rest, ...restTheirs]) session.free();
    newcomer.session = withSender ?? broken();
    this.#others.set(newcomer, ofSender ?? broken());
    const handedOut = await this.#handOut();
    const helloBytes = hellos.reduce((sum, hello) => sum + bytesOf(hello), 0);
    return {
      messages: hellos.length + handedOut.messages,
      madeBytes: helloBytes + handedOut.madeBytes,
      receivedBytes: helloBytes / hellos.length + handedOut.receivedBytes,
    };
  }

  /** A new key of the sender, to each of the others. */
  async #handOut() {
    const sealed: Sealed[] = [];
    await this.#watch.alone(() => {
      this.#ownKey.free();
      this.#ownKey = new Olm.OutboundGroupSession();
      this.#ownKey.create();
      const key = this.#ownKey.session_key();
      for (const session of this.#others.values()) sealed.push(session.encrypt(key));
    });
    await this.#watch.together({
      works: [...this.#others.keys()].map(({ session }, at) => () => {
        const { type, body } = sealed[at] ?? broken();
        const key = session?.decrypt(type, body) ?? broken();
        const taken = new Olm.InboundGroupSession();
        taken.create(key);
        taken.free();
      }),
    });
    this.#watch.publicKeyOperations += ownKeyOperations + takenKeyOperations * sealed.length;
    const madeBytes = sealed.reduce((sum, one) => sum + bytesOf(one), 0);
    return { messages: sealed.length, madeBytes, receivedBytes: madeBytes / sealed.length };
  }
}

export const pairwiseRatchets = (rng: Rng): Way => ({
  name: 'pairwise ratchets',
  async open(size) {
    // Emscripten takes over the process' last words, and throws away what is said there.
    const events = ['uncaughtException', 'unhandledRejection'] as const;
    const before = events.map((event) => process.rawListeners(event));
    await Olm.init();
    events.forEach((event, at) => {
      for (const listener of process.rawListeners(event))
        if (before[at]?.includes(listener) !== true) process.off(event, listener);
    });
    const group = new PairwiseGroup(rng);
    await group.fill(size);
    return group;
  },
});
