// The key tree, a participant's half: the keys from its leaf to the root, moved from epoch to epoch by the rekeys that everybody
// gets. Strict about numbers: a message is processed once and in order, and one that does not open changes nothing.
// Whoever calls has verified the server's signature (a rekey's), and compares the fingerprint with what the session key gives.

import { LatchkeyError } from '../protocol/errors.ts';
import { treeDegree, welcomeAad } from '../protocol/keyMessages.ts';
import type { Rekey, SealedNode, Welcome } from '../protocol/keyMessages.ts';
import { equalBytes } from '../protocol/bytes.ts';
import type { EpochId, Lease } from '../protocol/names.ts';
import type { OpeningKeys, SealUse } from './keyStore.ts';

/** What the admission said of us. */
export interface MemberIdentity {
  readonly incarnation: Uint8Array;
  readonly lease: Lease;
  readonly firstEpoch: EpochId;
}

export type Applied<H> =
  /** The caller owns, and wipes, the session key. */
  | { readonly kind: 'opened'; readonly epoch: EpochId; readonly session: H }
  /** Processed before: to be acknowledged again, nothing else. */
  | { readonly kind: 'repeat'; readonly epoch: EpochId };

interface Place {
  readonly incarnation: Uint8Array;
  readonly leaf: number;
}

const noAad = new Uint8Array(0);

export class TreeMember<H> {
  readonly #keys: OpeningKeys<H>;
  readonly #place: Place;
  /** [level] → key, from our leaf to the root. */
  #path: H[];
  #epoch: EpochId;
  #closed = false;
  /** The last rekey's keys have still to take their step. */
  #unsettled = false;
  /** The rekey that is being processed: the next waits for it. */
  #turn: Promise<unknown> = Promise.resolve();

  private constructor(keys: OpeningKeys<H>, place: Place, path: H[], epoch: EpochId) {
    this.#keys = keys;
    this.#place = place;
    this.#path = path;
    this.#epoch = epoch;
  }

  /**
   * The leaf's key belongs to the member from then on; to the caller still when this throws.
   * @throws LatchkeyError `key_message_unopened`
   */
  static async open<H>(
    keys: OpeningKeys<H>,
    identity: MemberIdentity,
    leafKey: H,
    welcome: Welcome,
  ): Promise<{ readonly member: TreeMember<H>; readonly session: H }> {
    const { incarnation, epoch, leaf, height } = welcome;
    const ours = equalBytes(incarnation, identity.incarnation) && welcome.lease === identity.lease;
    if (!ours) throw new LatchkeyError('key_message_unopened', 'a welcome for somebody else');
    if (epoch < identity.firstEpoch) {
      throw new LatchkeyError('key_message_unopened', 'a welcome to an epoch before the admission');
    }
    const use: SealUse = { incarnation, epoch, level: 0, index: leaf, purpose: 'welcome' };
    const secrets = await keys.open(leafKey, use, welcomeAad(welcome), welcome.sealed);
    const session = secrets?.pop();
    if (!secrets || session === undefined || secrets.length !== height) {
      for (const secret of secrets ?? []) keys.wipe(secret);
      throw new LatchkeyError('key_message_unopened', 'the welcome is not sealed under our leaf');
    }
    // The path's keys are sealed as they are after the step; our own leaf is the one that still takes it.
    const path = [await keys.step(leafKey), ...secrets];
    return { member: new TreeMember(keys, { incarnation, leaf }, path, epoch), session };
  }

  /** The last epoch that was opened. */
  get epoch(): EpochId {
    return this.#epoch;
  }

  /**
   * One rekey at a time, in the order of the calls.
   * @throws LatchkeyError `key_message_gap`, `key_message_unopened`, `closed`; the member is as it was.
   */
  apply(rekey: Rekey): Promise<Applied<H>> {
    return this.#inTurn(async () => {
      const applied = await this.#advance(rekey);
      try {
        await this.#settle();
        this.#assertOpen();
        return applied;
      } catch (thrown) {
        if (applied.kind === 'opened') this.#keys.wipe(applied.session);
        throw thrown;
      }
    });
  }

  /**
   * As `apply`, but leaves the step to `settle`, so that an acknowledgement need not wait for it. Until then the keys under which this
   * rekey was sealed are still here: they open this epoch's session key and no earlier one, and what that key opens is opened by the
   * base key that the participant holds beside them. Forward secrecy is the same as soon as `settle` is called, which has to be before the
   * epoch's base key is dropped; the next rekey settles first in any case.
   */
  advance(rekey: Rekey): Promise<Applied<H>> {
    return this.#inTurn(() => this.#advance(rekey));
  }

  /** Takes the step that `advance` left, if it is still to be taken. */
  settle(): Promise<void> {
    return this.#inTurn(() => this.#settle());
  }

  /** Wipes every key. Idempotent. */
  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    for (const key of this.#path) this.#keys.wipe(key);
    this.#path = [];
  }

  #inTurn<T>(work: () => Promise<T>): Promise<T> {
    const done = this.#turn.then(work);
    this.#turn = done.catch(() => null);
    return done;
  }

  async #advance(rekey: Rekey): Promise<Applied<H>> {
    this.#assertOpen();
    await this.#settle();
    this.#assertOpen();
    if (!equalBytes(rekey.incarnation, this.#place.incarnation)) unopened('a rekey of another incarnation');
    if (rekey.epoch <= this.#epoch) return { kind: 'repeat', epoch: rekey.epoch };
    if (rekey.epoch !== this.#epoch + 1) {
      throw new LatchkeyError(
        'key_message_gap',
        `epoch ${this.#epoch + 1} was expected, ${rekey.epoch} came`,
      );
    }
    const opened: H[] = [];
    try {
      const path = await this.#openPath(rekey, opened);
      const session = await this.#openSession(rekey, path, opened);
      this.#assertOpen();
      this.#commit(path, rekey.epoch);
      return { kind: 'opened', epoch: rekey.epoch, session };
    } catch (thrown) {
      for (const key of opened) this.#keys.wipe(key);
      throw thrown;
    }
  }

  /** Our path with the keys that this rekey replaces, before the step; what was opened is also put into `opened`. */
  async #openPath(rekey: Rekey, opened: H[]): Promise<H[]> {
    const oldHeight = this.#path.length - 1;
    if (rekey.height < oldHeight) unopened('the tree does not shrink');
    const ours = this.#nodesAbove(rekey.nodes);
    const path: H[] = this.#path.slice(0, 1);
    for (let level = 1; level <= rekey.height; level++) {
      const node = ours.get(level);
      const held = this.#path[level];
      if (node === undefined) path.push(held ?? unopened(`no key for level ${level}`));
      else path.push(await this.#openNode(rekey.epoch, node, path.at(-1) ?? unopened('no leaf'), opened));
    }
    return path;
  }

  #nodesAbove(nodes: readonly SealedNode[]): Map<number, SealedNode> {
    const ours = nodes.filter(({ level, index }) => index === this.#indexAt(level));
    return new Map(ours.map((node) => [node.level, node]));
  }

  async #openNode(epoch: EpochId, node: SealedNode, under: H, opened: H[]): Promise<H> {
    const { level, index, seals } = node;
    const child = this.#indexAt(level - 1) % treeDegree;
    const seal = seals.find((seal) => seal.child === child) ?? unopened(`level ${level} is not sealed to us`);
    const use: SealUse = { ...this.#use(epoch), level, index, purpose: 'node' };
    return this.#openOne(under, use, seal.sealed, opened);
  }

  #openSession(rekey: Rekey, path: readonly H[], opened: H[]): Promise<H> {
    const use: SealUse = { ...this.#use(rekey.epoch), level: rekey.height, index: 0, purpose: 'session' };
    return this.#openOne(path.at(-1) ?? unopened('no root'), use, rekey.session, opened);
  }

  async #openOne(under: H, use: SealUse, sealed: Uint8Array, opened: H[]): Promise<H> {
    const secrets = await this.#keys.open(under, use, noAad, sealed);
    opened.push(...(secrets ?? []));
    return secrets?.length === 1 && secrets[0] !== undefined
      ? secrets[0]
      : unopened(`${use.purpose} of level ${use.level} does not open`);
  }

  /** Everything opened: what was replaced is wiped. */
  #commit(path: H[], epoch: EpochId): void {
    const kept = new Set(path);
    for (const key of this.#path) if (!kept.has(key)) this.#keys.wipe(key);
    this.#path = path;
    this.#epoch = epoch;
    this.#unsettled = true;
  }

  /** All that is held takes its step. */
  async #settle(): Promise<void> {
    if (!this.#unsettled || this.#closed) return;
    this.#unsettled = false;
    try {
      this.#path = await Promise.all(this.#path.map((key) => this.#keys.step(key)));
    } catch (thrown) {
      // A path half stepped opens nothing any more: better none.
      this.close();
      throw thrown;
    }
    // Closed meanwhile: what was wiped has been made again.
    if (this.#closed) {
      for (const key of this.#path) this.#keys.wipe(key);
      this.#path = [];
    }
  }

  #assertOpen(): void {
    if (this.#closed) throw new LatchkeyError('closed');
  }

  #indexAt(level: number): number {
    return Math.floor(this.#place.leaf / treeDegree ** level);
  }

  #use(epoch: EpochId): { incarnation: Uint8Array; epoch: EpochId } {
    return { incarnation: this.#place.incarnation, epoch };
  }
}

const unopened = (why: string): never => {
  throw new LatchkeyError('key_message_unopened', why);
};
