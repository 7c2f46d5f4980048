import assert from 'node:assert/strict';
import { once } from 'node:events';
import { describe, it } from 'node:test';
import type { TestContext } from 'node:test';
import { newAdmissionRecipient } from '../../src/client/session/hpke.ts';
import { decodeAdmission, decodeRekey, decodeWelcome } from '../../src/protocol/keyMessages.ts';
import type { Lease } from '../../src/protocol/names.ts';
import { messageOf } from './custodianProcess.ts';
import { openAsk, rekeyAsk } from './participants.ts';
import { askerOf, launchPreloaded, newSigningKey } from './preloaded.ts';

const meeting = 'stand-up';
const people = 6;

/** Everything that a custodian made of itself, by name, and the times that it told. */
interface Minted {
  readonly made: Map<string, string>;
  readonly times: Set<number>;
}

/** The same requests for everybody: also the public keys are the same. */
const mintedBy = async (
  t: TestContext,
  signingKeyFile: string,
  publicKeys: readonly Uint8Array[],
  modules: readonly string[],
): Promise<Minted> => {
  const child = launchPreloaded(t, signingKeyFile, modules);
  assert.equal((await messageOf(child))['ready'], true);
  const ask = askerOf(child);
  const made = new Map<string, string>();
  const times = new Set<number>();
  const take = (name: string, bytes: Uint8Array): void => {
    assert.ok(!made.has(name), name);
    made.set(name, Buffer.from(bytes).toString('hex'));
  };
  take('incarnation', (await ask('openMeeting', openAsk(meeting))).incarnation);
  const leases: Lease[] = [];
  for (const publicKey of publicKeys) {
    const who = { participant: 'ada', role: 'host', tokenId: 'token' } as const;
    const { admission, lease } = await ask('admit', { meeting, ...who, publicKey });
    leases.push(lease);
    take(`enc of ${lease}`, decodeAdmission(admission).enc);
    take(`signature of admission ${lease}`, decodeAdmission(admission).signature);
  }
  for (const request of [
    rekeyAsk(meeting, leases.slice(0, 5)),
    rekeyAsk(meeting, leases.slice(5), leases.slice(0, 1)),
    rekeyAsk(meeting, []),
  ]) {
    const { epoch, fingerprint, chain, signature, rekey, welcomes, ...answer } = await ask('rekey', request);
    times.add(answer.mintedAt).add(answer.sealedAt);
    take(`fingerprint of ${epoch}`, fingerprint);
    take(`chain of ${epoch}`, chain);
    take(`signature of epoch ${epoch}`, signature);
    for (const { lease, message } of welcomes)
      take(`welcome of ${lease}`, decodeWelcome(message).welcome.sealed);
    if (rekey === null) continue;
    take(`digest of ${epoch}`, answer.digest);
    const { nodes, session } = decodeRekey(rekey).rekey;
    take(`session key of ${epoch}`, session);
    for (const { level, index, seals } of nodes)
      for (const { child: place, sealed } of seals)
        take(`node (${level}, ${index}) under ${place} in ${epoch}`, sealed);
  }
  child.kill('SIGKILL');
  await once(child, 'exit');
  return { made, times };
};

/** They were asked the same at the same instant, and nothing that either made is anything that the other made. */
const assertNothingEqual = (one: Minted, other: Minted): void => {
  assert.deepEqual([...one.made.keys()], [...other.made.keys()]);
  assert.ok(one.made.size > 30, `${one.made.size} things are compared`);
  assert.deepEqual([one.times.size, one.times], [1, other.times], 'their clocks stand still');
  const others = new Map([...other.made].map(([name, bytes]) => [bytes, name]));
  for (const [name, bytes] of one.made) assert.equal(others.get(bytes), undefined, name);
};

describe('two custodians at one instant', () => {
  const twins = async (t: TestContext, modules: readonly string[]): Promise<[Minted, Minted]> => {
    const signingKeyFile = await newSigningKey(t);
    const publicKeys: Uint8Array[] = [];
    while (publicKeys.length < people) publicKeys.push((await newAdmissionRecipient()).publicKey);
    return [
      await mintedBy(t, signingKeyFile, publicKeys, modules),
      await mintedBy(t, signingKeyFile, publicKeys, modules),
    ];
  };

  it('make nothing equal, though they have one signing key and are asked the same', async (t) => {
    const [one, other] = await twins(t, ['frozenClock.ts']);
    assertNothingEqual(one, other);
  });

  it('whose randomness is seeded from their clocks are found out by the same comparison', async (t) => {
    const [one, other] = await twins(t, ['frozenClock.ts', 'timeSeeded.ts']);
    assert.throws(() => assertNothingEqual(one, other), assert.AssertionError);
    assert.deepEqual(one.made, other.made, 'all of it is equal');
  });
});

describe('a custodian whose source of randomness does not pass its start-up test', () => {
  it('does not start, and says why', async (t) => {
    const child = launchPreloaded(t, await newSigningKey(t), ['stuckRandomness.ts']);
    const exited = once(child, 'exit');
    const { ok, error } = await messageOf(child);
    assert.deepEqual([ok, Reflect.get(Object(error), 'code')], [false, 'randomness_failed']);
    assert.deepEqual(await exited, [1, null]);
  });
});
