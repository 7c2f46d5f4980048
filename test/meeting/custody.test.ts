import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { AdmitAnswer, Custodian } from '../../src/custodian/custodian.ts';
import { Custody } from '../../src/meeting/custody.ts';
import type { MeetingContext } from '../../src/meeting/meetingContext.ts';
import { LatchkeyError } from '../../src/protocol/errors.ts';
import { lease } from '../../src/protocol/names.ts';
import { defaultTimers } from '../../src/protocol/timers.ts';

const who = { participantId: 'ada', role: 'viewer', tokenId: 't' } as const;

/** A custodian whose admissions are answered by the test. */
const begin = async () => {
  const asked: PromiseWithResolvers<AdmitAnswer>[] = [];
  const custodian: Partial<Custodian> = {
    openMeeting: async () => ({ incarnation: new Uint8Array(16) }),
    admit: () => {
      const answer = Promise.withResolvers<AdmitAnswer>();
      asked.push(answer);
      return answer.promise;
    },
  };
  const context: Pick<MeetingContext, 'custodianNumber'> & { custodian: () => Partial<Custodian> } = {
    custodian: () => custodian,
    custodianNumber: () => 1,
  };
  const meeting = {
    id: 'm',
    kind: 'interactive',
    joinPolicy: 'every',
    timers: defaultTimers,
    limits: { participants: 10, stage: 10 },
    door: { locked: false, lobby: false, live: true },
  } as const;
  return { custody: await Custody.begin(meeting, context as unknown as MeetingContext), asked };
};

describe('admissions', () => {
  it('that are on their way are known only when they were answered or refused; later ones are not waited for', async () => {
    const { custody, asked } = await begin();
    const happened: string[] = [];
    const admitted = custody.admit(who, new Uint8Array(32)).then(() => happened.push('admitted'));
    const refused = custody.admit(who, new Uint8Array(32)).catch(() => happened.push('refused'));
    const known = custody.admissionsKnown().then(() => happened.push('known'));
    const later = custody.admit(who, new Uint8Array(32));
    asked[1]?.reject(new LatchkeyError('slab_full'));
    await refused;
    asked[0]?.resolve({ admission: new Uint8Array(1), lease: lease(1) });
    await Promise.all([admitted, known]);
    assert.deepEqual(happened, ['refused', 'admitted', 'known']);
    asked[2]?.resolve({ admission: new Uint8Array(1), lease: lease(2) });
    await later;
  });
});
