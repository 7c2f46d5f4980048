// A participant's half of the key tree, as src/keys/member.ts has it, but at once: the world's clock stands while a message is opened, and
// ten thousand histories cannot each wait for promises. What does not open is a broken law, not an error to be told.

import assert from 'node:assert/strict';
import type { SealUse } from '../../src/keys/keyStore.ts';
import { treeDegree, welcomeAad } from '../../src/protocol/keyMessages.ts';
import type { Rekey, Welcome } from '../../src/protocol/keyMessages.ts';
import type { SyncOpeningKeys } from './rekeySuites.ts';

const noAad = new Uint8Array(0);

export class SyncTreeMember<H> {
  readonly #keys: SyncOpeningKeys<H>;
  readonly #leaf: number;
  #path: H[];
  epoch: number;

  private constructor(keys: SyncOpeningKeys<H>, { leaf, epoch }: Welcome, path: H[]) {
    this.#keys = keys;
    this.#leaf = leaf;
    this.#path = path;
    this.epoch = epoch;
  }

  static open<H>(
    keys: SyncOpeningKeys<H>,
    leafKey: H,
    welcome: Welcome,
  ): { readonly member: SyncTreeMember<H>; readonly session: H } {
    const { incarnation, epoch, leaf, height, sealed } = welcome;
    const use: SealUse = { incarnation, epoch, level: 0, index: leaf, purpose: 'welcome' };
    const secrets = keys.open(leafKey, use, welcomeAad(welcome), sealed);
    const session = secrets?.pop();
    assert.ok(secrets !== null && session !== undefined, 'law 3: a welcome opens with the admission key');
    assert.equal(secrets.length, height);
    return { member: new SyncTreeMember(keys, welcome, [keys.step(leafKey), ...secrets]), session };
  }

  apply({ incarnation, epoch, height, nodes, session }: Rekey): H {
    assert.equal(epoch, this.epoch + 1, 'law 3: rekeys come in order and without a gap');
    const path = this.#path.slice(0, 1);
    for (let level = 1; level <= height; level++) {
      const node = nodes.find((one) => one.level === level && one.index === this.#indexAt(level));
      const below = path.at(-1);
      assert.ok(below !== undefined);
      const held = this.#path[level];
      if (node === undefined) {
        assert.ok(held !== undefined, `law 3: level ${level} is held or sent`);
        path.push(held);
        continue;
      }
      const child = this.#indexAt(level - 1) % treeDegree;
      const seal = node.seals.find((one) => one.child === child);
      assert.ok(seal !== undefined, `law 3: level ${level} is sealed to everybody who was there`);
      path.push(
        this.#open(below, { incarnation, epoch, level, index: node.index, purpose: 'node' }, seal.sealed),
      );
      if (held !== undefined) this.#keys.wipe(held);
    }
    const root = path.at(-1);
    assert.ok(root !== undefined);
    const use: SealUse = { incarnation, epoch, level: height, index: 0, purpose: 'session' };
    const opened = this.#open(root, use, session);
    this.#path = path.map((key) => this.#keys.step(key));
    this.epoch = epoch;
    return opened;
  }

  close(): void {
    for (const key of this.#path) this.#keys.wipe(key);
    this.#path = [];
  }

  #open(under: H, use: SealUse, sealed: Uint8Array): H {
    const [secret, ...more] = this.#keys.open(under, use, noAad, sealed) ?? [];
    assert.ok(
      secret !== undefined && more.length === 0,
      `law 3: the ${use.purpose} of level ${use.level} opens`,
    );
    return secret;
  }

  #indexAt(level: number): number {
    return Math.floor(this.#leaf / treeDegree ** level);
  }
}
