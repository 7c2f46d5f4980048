import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { describe, it } from 'node:test';
import { nodeCrypto } from '../../src/client/session/nodeCrypto.ts';
import type { Custodian } from '../../src/custodian/custodian.ts';
import { toHex } from '../../src/protocol/bytes.ts';
import { streamId } from '../../src/protocol/names.ts';
import type { EpochId } from '../../src/protocol/names.ts';
import { deriveEpochKeySync } from '../../src/sframe/epochKeys.ts';
import { FrameSealerSync } from '../../src/sframe/frameSealer.ts';
import { SenderStreams } from '../../src/sframe/senderStreams.ts';
import { scanMemory } from '../memory/scan.ts';
import { Adversary } from './adversary.ts';
import { startTestCustodian } from './custodianProcess.ts';
import { lockedCandidates } from './lockedMemory.ts';
import { openAsk, Participant, rekeyAsk } from './participants.ts';

const meeting = 'stand-up';
const stream = streamId(0);

/** The base key of an epoch, as a participant has it in that epoch. */
const baseKeyOf = ({ incarnation, secrets }: Participant, epoch: EpochId): Buffer => {
  const secret = secrets.epoch.get(epoch) ?? assert.fail(`no epoch ${epoch}`);
  return deriveEpochKeySync(nodeCrypto, { secret, incarnation, epoch }).baseKey;
};

/** A meeting of which everything is recorded that the network sees. */
class RecordedMeeting {
  readonly adversary: Adversary;
  readonly everybody: Participant[] = [];
  present: Participant[] = [];
  epoch: EpochId | null = null;
  readonly #custodian: Custodian;
  readonly #sealers = new Map<Participant, FrameSealerSync<Buffer, Buffer>>();

  private constructor(custodian: Custodian, incarnation: Uint8Array) {
    this.#custodian = custodian;
    this.adversary = new Adversary(incarnation);
  }

  static async open(custodian: Custodian): Promise<RecordedMeeting> {
    const { incarnation } = await custodian.openMeeting(openAsk(meeting));
    return new RecordedMeeting(custodian, incarnation);
  }

  /** So many come, the first so many leave, and everybody sends a frame. */
  async rekey(joins: number, departures: number): Promise<void> {
    const newcomers = [];
    for (let count = 0; count < joins; count++) newcomers.push(await this.#admit());
    const departed = this.present.splice(0, departures);
    const leases = (all: readonly Participant[]) => all.map(({ lease }) => lease);
    const answer = await this.#custodian.rekey(rekeyAsk(meeting, leases(newcomers), leases(departed)));
    this.adversary.recordEpoch(answer);
    this.present.push(...newcomers);
    this.epoch = answer.epoch;
    for (const one of this.present) await one.follow(answer);
    for (const one of this.present) this.#send(one, answer.epoch);
  }

  async #admit(): Promise<Participant> {
    const participant = `participant ${this.everybody.length}`;
    const who = { meeting, participant, role: 'host', tokenId: 'token' } as const;
    const admit = async (ask: Parameters<Custodian['admit']>[0]) => {
      const answer = await this.#custodian.admit(ask);
      this.adversary.recordAdmission(answer);
      return answer;
    };
    const admitted = await Participant.admit(admit, this.#custodian.publicKey, who);
    this.everybody.push(admitted);
    return admitted;
  }

  #send(one: Participant, epoch: EpochId): void {
    const { incarnation, lease } = one;
    const claimed = new SenderStreams(lease).claim(stream);
    const sealer =
      this.#sealers.get(one) ??
      new FrameSealerSync(nodeCrypto, { codec: 'opus', incarnation, stream: claimed });
    this.#sealers.set(one, sealer);
    const key = { epoch, baseKey: baseKeyOf(one, epoch), fingerprint: new Uint8Array(16) };
    sealer.install(key, Infinity);
    const sealed = sealer.seal(new Uint8Array(randomBytes(80)), 0);
    this.adversary.recordFrame({ epoch, origin: { lease, stream }, sealed });
  }
}

/** RFC 8410: 16 bytes of structure, then the seed. */
const seedOf = (signingKeyFile: string): Uint8Array => {
  const body = readFileSync(signingKeyFile, 'latin1').replaceAll(/-----[A-Z ]+-----|\s/g, '');
  return new Uint8Array(Buffer.from(body, 'base64').subarray(16));
};

/** What stands anywhere in the process' memory, in any form, of all that anybody ever had. */
const foundAnywhere = async (pid: number, people: readonly Participant[]): Promise<Uint8Array[]> => {
  const secrets = new Map<string, Uint8Array>();
  for (const { secrets: had } of people) {
    const all = [
      had.admissionKey,
      ...had.tree,
      ...had.sealing,
      ...had.session.values(),
      ...had.epoch.values(),
    ];
    for (const bytes of all) secrets.set(toHex(bytes), bytes);
  }
  const needles = [...secrets].map(([name, bytes]) => ({ name, bytes }));
  const { found } = await scanMemory(pid, needles);
  return found.map((one) => secrets.get(one.split(' ')[0] ?? '') ?? assert.fail(one));
};

describe('forward secrecy', () => {
  it('no frame of before the last rekey opens with all that custodian and participant have, and the signing key', async (t) => {
    const { custodian, signingKeyFile } = await startTestCustodian(t);
    const recorded = await RecordedMeeting.open(custodian);
    for (const [joins, departures] of [
      [6, 0],
      [14, 2],
      [0, 0],
      [1, 0],
      [0, 5],
      [3, 1],
    ] as const) {
      await recorded.rekey(joins, departures);
    }
    const before = lockedCandidates(custodian.pid);
    await recorded.rekey(0, 1);
    const last = recorded.epoch ?? assert.fail('no epoch');
    const now = lockedCandidates(custodian.pid);
    const { adversary, everybody, present } = recorded;
    const signingKey = seedOf(signingKeyFile);
    const [stays] = present;
    assert.ok(stays !== undefined);
    const { seals, frames } = adversary.recorded;
    t.diagnostic(
      `${seals} seals, ${frames} frames, ${before.length} and ${now.length} keys in locked memory`,
    );

    const anywhere = await foundAnywhere(custodian.pid, everybody);
    assert.ok(anywhere.length > 20, 'what the tree has now is found');
    assert.deepEqual(adversary.opens([signingKey, ...now, ...anywhere]), [], 'custodian');
    const ofParticipant = [...stays.secrets.now, stays.secrets.resumeSecret, baseKeyOf(stays, last)];
    assert.deepEqual(
      adversary.opens([signingKey, ...now, ...anywhere, ...ofParticipant]),
      [last],
      'and participant',
    );

    // That it would open what can be opened:
    assert.deepEqual(adversary.opens(before), [last], 'memory of before the last rekey opens what followed');
    const [left, , , , , , late] = everybody;
    assert.ok(left !== undefined && late !== undefined);
    assert.deepEqual(adversary.opens([left.secrets.admissionKey]), [0], 'the leaf of one who left');
    assert.deepEqual(adversary.opens([late.secrets.admissionKey]), [...late.secrets.epoch.keys()]);
    for (const [epoch, session] of late.secrets.session)
      assert.deepEqual(adversary.opens([session]), [epoch]);
  });
});
