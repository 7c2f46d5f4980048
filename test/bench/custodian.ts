// How much of the custodian's time is the cryptography that nobody could do without: an admission beside the two X25519
// multiplications of its HPKE context, a rekey beside as many AES-256-GCM seals as it holds.

import { createCipheriv, randomBytes } from 'node:crypto';
import sodium from 'sodium-native';
import { treeDegree } from '../../src/protocol/keyMessages.ts';
import type { Lease } from '../../src/protocol/names.ts';
import { alternate, timeOf } from './alternate.ts';
import type { Bench, Run } from './bench.ts';
import { admissionAsk, openProcess, openVault, rekeyAsk } from './custodianParts.ts';
import type { KeyHolder } from './custodianParts.ts';
import type { BenchResult } from './result.ts';
import { compare, seededRng } from './statistics.ts';
import type { Rng } from './statistics.ts';

const sizes = [100, 1_000, 5_000] as const;
const joinersAtOnce = 1_000;
const usualRounds = 200;
const usualJoinRounds = 60;
/** Asked for at once, as in a storm of joins. */
const admissionsPerRound = 64;

const aKeyPair = () => {
  const publicKey = Buffer.alloc(sodium.crypto_scalarmult_BYTES);
  const privateKey = randomBytes(sodium.crypto_scalarmult_SCALARBYTES);
  sodium.crypto_scalarmult_base(publicKey, privateKey);
  return { publicKey, privateKey };
};

const participant = aKeyPair();
const ask = admissionAsk(new Uint8Array(participant.publicKey));

/**
 * The sender's half of DHKEM(X25519) multiplies twice, once for `enc` and once for the shared secret (RFC 9180 §4.1); nothing that it
 * does besides need take time. The Ed25519 signature of each admission is left out: it is ours to justify.
 */
const x25519 = (times: number): void => {
  const { publicKey, privateKey } = aKeyPair();
  const shared = Buffer.alloc(sodium.crypto_scalarmult_BYTES);
  for (let i = 0; i < times; i++) {
    sodium.crypto_scalarmult_base(publicKey, privateKey);
    sodium.crypto_scalarmult(shared, privateKey, participant.publicKey);
  }
};

/** With the call that the custodian uses, each under another key. */
const aesGcm = (seals: number, bytes: number): void => {
  const nonce = Buffer.alloc(12);
  const key = randomBytes(32);
  const plain = randomBytes(bytes);
  for (let i = 0; i < seals; i++) {
    key.writeUInt32BE(i);
    const cipher = createCipheriv('aes-256-gcm', key, nonce);
    cipher.update(plain);
    cipher.final();
    cipher.getAuthTag();
  }
};

const microseconds = async (work: () => unknown): Promise<number> => (await timeOf(work)) * 1_000;

const admit = async (holder: KeyHolder, count: number): Promise<Lease[]> => {
  const admitted = await Promise.all(Array.from({ length: count }, async () => await holder.admit(ask)));
  return admitted.map(({ lease }) => lease);
};

const admissions = async (holder: KeyHolder, { rounds, seed }: Run): Promise<BenchResult> => {
  const turns = { rounds: rounds ?? usualRounds, warmUp: 10 };
  const pairs = await alternate(
    turns,
    async () => {
      let leases: Lease[] = [];
      const took = await microseconds(async () => {
        leases = await admit(holder, admissionsPerRound);
      });
      await holder.withdraw({ meeting: ask.meeting, leases });
      return took / admissionsPerRound;
    },
    async () => (await microseconds(() => x25519(admissionsPerRound))) / admissionsPerRound,
  );
  const compared = compare(pairs, seed);
  return {
    name: 'custodian',
    case: `admission, ${holder.where}`,
    participants: 0,
    unit: 'µs',
    beside: '2 X25519',
    ...compared,
    seed,
    also: { 'admissions a second': 1e6 / compared.p50, 'X25519 a second': 2e6 / compared.floor.p50 },
    notes: [`a round is the mean of ${admissionsPerRound}, asked for at once`],
  };
};

/** A meeting of `size`, from which somebody departs and to which somebody else comes. */
const departures = async (holder: KeyHolder, size: number, run: Run, rng: Rng): Promise<BenchResult> => {
  const present = await admit(holder, size);
  await holder.rekey(rekeyAsk({ joins: present }));
  let seals = 0;
  const departAndCome = async (): Promise<number> => {
    const at = Math.floor(rng() * present.length);
    const before = await holder.seals();
    const took = await microseconds(() => holder.rekey(rekeyAsk({ departures: present.slice(at, at + 1) })));
    seals = (await holder.seals()) - before;
    const [newcomer] = await admit(holder, 1);
    if (newcomer === undefined) throw new Error('nobody was admitted');
    present[at] = newcomer;
    await holder.rekey(rekeyAsk({ joins: [newcomer] }));
    return took;
  };
  const pairs = await alternate({ rounds: run.rounds ?? usualRounds, warmUp: 10 }, departAndCome, () =>
    microseconds(() => aesGcm(seals, 32)),
  );
  const compared = compare(pairs, run.seed);
  await holder.rekey(rekeyAsk({ departures: present }));
  return {
    name: 'custodian',
    case: `one departure, ${holder.where}`,
    participants: size,
    unit: 'µs',
    beside: 'its seals by AES-256-GCM',
    ...compared,
    seed: run.seed,
    also: {
      'seals, of the last': seals,
      'rekeys a second': 1e6 / compared.p50,
      'seals a second': (seals * 1e6) / compared.p50,
      'AES-256-GCM a second': (seals * 1e6) / compared.floor.p50,
    },
    notes: ['every key of the meeting is stepped, too'],
  };
};

/** So many into an empty meeting by one rekey: each gets its path and the session key in a welcome of its own. */
const joinsAtOnce = async (
  holder: KeyHolder,
  joiners: number,
  { rounds, seed }: Run,
): Promise<BenchResult> => {
  let height = 1;
  while (treeDegree ** height < joiners) height++;
  const pairs = await alternate(
    { rounds: rounds ?? usualJoinRounds, warmUp: 3 },
    async () => {
      const joins = await admit(holder, joiners);
      const took = await timeOf(() => holder.rekey(rekeyAsk({ joins })));
      await holder.rekey(rekeyAsk({ departures: joins }));
      return took;
    },
    () => timeOf(() => aesGcm(joiners, (height + 1) * 32)),
  );
  const compared = compare(pairs, seed);
  return {
    name: 'custodian',
    case: `${joiners} joins in one rekey, ${holder.where}`,
    participants: joiners,
    unit: 'ms',
    beside: 'its welcomes by AES-256-GCM',
    ...compared,
    seed,
    also: { 'welcomes a second': (joiners * 1e3) / compared.p50 },
  };
};

export const custodian: Bench = {
  name: 'custodian',
  async run(run) {
    const rng = seededRng(run.seed);
    const results: BenchResult[] = [];
    for (const open of [openVault, openProcess]) {
      const holder = await open();
      try {
        results.push(await admissions(holder, run));
        run.say(`${holder.where}: admissions`);
        for (const size of run.participants === null ? sizes : [run.participants]) {
          results.push(await departures(holder, size, run, rng));
          run.say(`${holder.where}: a departure from ${size}`);
        }
        results.push(await joinsAtOnce(holder, run.participants ?? joinersAtOnce, run));
        run.say(`${holder.where}: joins at once`);
      } finally {
        await holder.close();
      }
    }
    return results;
  },
};
