// A world's keys as symbols (test/keys/treeSymbols.ts), and frames sealed by saying so: a sealed frame names its key and nonce, and opens
// with exactly these.

import type { SealUse } from '../../src/keys/keyStore.ts';
import { ByteWriter, equalBytes, toHex } from '../../src/protocol/bytes.ts';
import { lengths } from '../../src/protocol/names.ts';
import type { Derivation, SyncCrypto } from '../../src/sframe/crypto.ts';
import { Cell, SymbolicSealingKeys, useOf, Wire } from '../keys/treeSymbols.ts';
import type { Term } from '../keys/treeSymbols.ts';
import type { CustodianKeys, Suite, SyncOpeningKeys } from './rekeySuites.ts';

const copyOf = ({ atom, steps }: Term): Cell => new Cell(atom, steps);

interface SealedFrame {
  readonly key: string;
  readonly nonce: Uint8Array;
  readonly aad: Uint8Array;
}

class SymbolicFrames implements SyncCrypto<string, string> {
  readonly #sealed: SealedFrame[] = [];

  importSecret(bytes: Uint8Array): string {
    return toHex(bytes);
  }

  deriveBytes(_secret: string, { length }: Derivation): Uint8Array {
    return new Uint8Array(length);
  }

  deriveSecret(secret: string, { info }: Derivation): string {
    return `${secret}/${toHex(info)}`;
  }

  deriveKey(secret: string, derivation: Derivation): string {
    return this.deriveSecret(secret, derivation);
  }

  seal(key: string, nonce: Uint8Array, aad: Uint8Array, plaintext: Uint8Array, out: Uint8Array): void {
    const name = this.#sealed.push({ key, nonce: nonce.slice(), aad: aad.slice() }) - 1;
    out.set(plaintext);
    out.set(new ByteWriter(4).u32(name).finish(), plaintext.length);
  }

  open(key: string, nonce: Uint8Array, aad: Uint8Array, sealed: Uint8Array, out: Uint8Array): boolean {
    const end = sealed.length - lengths.tag;
    const name = new DataView(sealed.buffer, sealed.byteOffset).getUint32(end);
    const made = this.#sealed[name];
    const opens = made?.key === key && equalBytes(made.nonce, nonce) && equalBytes(made.aad, aad);
    if (!opens) return false;
    out.set(sealed.subarray(0, end));
    return true;
  }

  wipe(): void {
    // A string cannot be.
  }
}

const openingOver = (wire: Wire): SyncOpeningKeys<Cell> => ({
  step: (key) => {
    key.alive = false;
    return new Cell(key.atom, key.steps + 1);
  },
  wipe: (key) => {
    key.alive = false;
  },
  open: (under, use: SealUse, aad, sealed) => {
    if (!under.alive) throw new Error('a wiped key was used');
    const found = wire.at(sealed);
    const opens =
      found !== undefined &&
      found.under.atom === under.atom &&
      found.under.steps === under.steps &&
      found.use === useOf(use) &&
      equalBytes(found.aad, aad);
    return opens ? found.secrets.map(copyOf) : null;
  },
});

export const symbolicSuite = (): Suite<Cell, string, string> => {
  const wire = new Wire();
  const custodians: SymbolicSealingKeys[] = [];
  const newCustodian = (): CustodianKeys<Cell> => {
    const keys = new SymbolicSealingKeys(wire);
    custodians.push(keys);
    return {
      sealing: keys,
      held: () => keys.live.size,
      stolen: () => [...keys.live].map(({ atom, steps }) => ({ atom, steps })),
    };
  };
  return {
    newCustodian,
    opening: openingOver(wire),
    copy: copyOf,
    frames: new SymbolicFrames(),
    epochKey: (session, { epoch, chain }) => {
      session.alive = false;
      const fingerprint = new ByteWriter(lengths.fingerprint)
        .u32(session.atom)
        .fixed(chain.subarray(0, 12), 12);
      return {
        epoch,
        baseKey: `${session.atom}.${session.steps} ${toHex(chain)}`,
        fingerprint: fingerprint.finish(),
      };
    },
    nameOf: (baseKey) => baseKey,
    symbols: {
      wire,
      // What a custodian minted and was lost with, nobody was given: the next one mints that epoch again.
      sessionOf: (epoch) =>
        custodians.findLast(({ sessions }) => sessions[epoch] !== undefined)?.sessions[epoch],
    },
  };
};
