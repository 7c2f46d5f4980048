// The custodian for a bench: the process, started as the server starts it, and the vault alone, in this process.

import { generateKeyPairSync } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Randomness } from '../../src/custodian/randomness.ts';
import { Slab } from '../../src/custodian/slab.ts';
import { SlabKeys } from '../../src/custodian/slabKeys.ts';
import { ensureSigningKey } from '../../src/custodian/signingKey.ts';
import { startCustodian } from '../../src/custodian/client.ts';
import type { AdmitAnswer, AdmitRequest, RekeyAnswer, RekeyRequest } from '../../src/custodian/custodian.ts';
import { Vault } from '../../src/custodian/vault.ts';
import { createLog } from '../../src/observe/log.ts';
import { fromBase64Url } from '../../src/protocol/bytes.ts';
import { lengths } from '../../src/protocol/names.ts';
import type { Lease } from '../../src/protocol/names.ts';

/** What both have, in the one way that fits both. */
export interface KeyHolder {
  readonly where: 'vault' | 'process';
  /** The Ed25519 key that signs, 32 bytes. */
  readonly signingKey: Uint8Array;
  admit(request: AdmitRequest): AdmitAnswer | Promise<AdmitAnswer>;
  rekey(request: RekeyRequest): RekeyAnswer | Promise<RekeyAnswer>;
  withdraw(request: { meeting: string; leases: Lease[] }): unknown;
  /** AES-256-GCM seals made until now. */
  seals(): Promise<number>;
  close(): Promise<void>;
}

export const meeting = 'bench';
const opening = { meeting, joinPolicy: 'every', freshForMs: 0 } as const;
const ledger = new Uint8Array(lengths.hash);

/** Enough for 10,000 participants, all of whom wait: each of them reserves a path. */
const slots = 131_072;
/** Longer than by default: the machine may be busy, and what is measured is not how soon one gives up. */
const answerMs = 60_000;

export const openVault = (): KeyHolder => {
  const { privateKey, publicKey } = generateKeyPairSync('ed25519');
  const randomness = new Randomness();
  const keys = new SlabKeys(new Slab(slots), randomness);
  const vault = new Vault({ keys, randomness, signingKey: privateKey });
  vault.openMeeting(opening);
  return {
    where: 'vault',
    signingKey: fromBase64Url(publicKey.export({ format: 'jwk' }).x ?? '') ?? new Uint8Array(),
    admit: (request) => vault.admit(request),
    rekey: (request) =>
      vault.rekey({ ...request, joins: [...request.joins], departures: [...request.departures] }),
    withdraw: (request) => vault.withdraw(request),
    seals: async () => keys.seals,
    close: async () => vault.close(),
  };
};

export const openProcess = async (): Promise<KeyHolder> => {
  const folder = await mkdtemp(join(tmpdir(), 'latchkey-bench-'));
  try {
    const signingKeyFile = join(folder, 'signing-key.pem');
    await ensureSigningKey(signingKeyFile);
    const log = createLog({ level: 'error', pretty: false }, process.stderr);
    const custodian = await startCustodian({ signingKeyFile, slots, answerMs, log });
    await custodian.openMeeting(opening);
    return {
      where: 'process',
      signingKey: custodian.publicKey,
      admit: (request) => custodian.admit(request),
      rekey: (request) => custodian.rekey(request),
      withdraw: (request) => custodian.withdraw(request),
      seals: async () => (await custodian.statistics()).seals,
      close: async () => {
        await custodian.close();
        await rm(folder, { recursive: true });
      },
    };
  } catch (thrown) {
    await rm(folder, { recursive: true });
    throw thrown;
  }
};

/** Who takes part does not matter to the custodian, so that one public key serves for all. */
export const admissionAsk = (publicKey: Uint8Array): AdmitRequest => ({
  meeting,
  participant: 'participant-of-the-bench',
  role: 'presenter',
  tokenId: 'token-of-the-bench',
  publicKey,
});

export const rekeyAsk = (change: {
  joins?: readonly Lease[];
  departures?: readonly Lease[];
}): RekeyRequest => {
  const { joins = [], departures = [] } = change;
  const trigger = joins.length === 0 ? 'departure' : 'join';
  return { meeting, trigger, joins, departures, ledger, share: false };
};
