// Each rule of the rekey machine is left out once, and some law notices within so many histories.

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import type { RekeyMachine } from '../../src/keys/rekey.ts';
import { mutated } from './mutation.ts';
import type { Mutant } from './mutation.ts';
import { history } from './rekeyHistories.ts';
import { historySeed } from './seed.ts';
import type { History } from './rekeyHistories.ts';
import { symbolicSuite } from './rekeySymbols.ts';
import { RekeyWorld } from './rekeyWorld.ts';

const seed = historySeed();

/** Histories within which every mutant must be found. */
const patience = 1_000;

const mutants: readonly Mutant[] = [
  {
    without: 'whoever comes or goes while a rekey is in flight is in the one that follows',
    file: 'rekey.ts',
    find: '    this.#leaveBehind(asked.leftBehind, epoch);\n',
    replace: '    this.#pending.calm();\n    this.#leaveBehind(asked.leftBehind, epoch);\n',
  },
  {
    without: 'deadlines only shorten',
    file: 'rekeyPending.ts',
    find: "    this.#evicts ||= departure.cause === 'evicted';\n    this.#dueAtMs = Math.min(this.#dueAtMs, dueAtMs);",
    replace: "    this.#evicts ||= departure.cause === 'evicted';\n    this.#dueAtMs = dueAtMs;",
  },
  {
    without: 'an eviction shortens the rekey in flight',
    file: 'rekey.ts',
    find: "      if (cause === 'evicted') this.#hasten();\n",
    replace: '',
  },
  {
    without: 'an eviction is not spaced',
    file: 'rekeyMints.ts',
    find: 'pending.evicts || this.#mayShare(nowMs)',
    replace: 'this.#mayShare(nowMs)',
  },
  {
    without: 'mints are spaced',
    file: 'rekeyMints.ts',
    find: '-Infinity : this.#lastAskedAtMs + timers.mintSpacingMs',
    replace: '-Infinity : -Infinity',
  },
  {
    without: 'a newcomer counts among the others',
    file: 'rekeyMember.ts',
    find: "member.awaitedAs = member.sends && member.started ? 'sender' : 'other';",
    replace: "member.awaitedAs = member.sends ? 'sender' : 'other';",
  },
  {
    without: 'activation waits for every sender',
    file: 'rekeyMember.ts',
    find: 'return this.#sendersMissing === 0 && ',
    replace: 'return ',
  },
  {
    without: 'activation waits for a share of the others',
    file: 'rekeyMember.ts',
    find: 'this.#others - this.#othersMissing >= needed',
    replace: 'needed >= 0',
  },
  {
    without: 'a newcomer starts only when it acknowledged, too',
    file: 'rekey.ts',
    find: 'if (here && newcomer.acknowledged >= epoch) this.#start(newcomer);',
    replace: 'if (here) this.#start(newcomer);',
  },
  {
    without: 'a newcomer starts only when its first epoch is active, too',
    file: 'rekey.ts',
    find: 'if (member.firstEpoch <= active.epoch) this.#start(member);',
    replace: 'this.#start(member);',
  },
  {
    without: 'a producer made later waits for the confirmation of the active epoch',
    file: 'rekeySenders.ts',
    find: '    if (member.confirmed < Math.max(active.epoch, member.movedIn)) return;\n',
    replace: '    if (member.confirmed < 0) return;\n',
  },
  {
    without: 'whoever is moved by the rekey in flight waits for it with its first producer',
    file: 'rekeySenders.ts',
    find: 'Math.max(active.epoch, member.movedIn)',
    replace: 'active.epoch',
  },
  {
    without: 'a sender that does not confirm is paused',
    file: 'rekey.ts',
    find: 'if (live.behind > 0 && live.confirmByMs <= this.#nowMs) this.#senders.pauseBehind(live);',
    replace: '',
  },
  {
    without: 'a grace is not renewed by the next activation',
    file: 'rekeyEpochs.ts',
    find: '    this.#active = live;\n    live.active = true;',
    replace:
      '    if (this.#active !== null) this.#active.confirmByMs += confirmGraceMs;\n    this.#active = live;\n    live.active = true;',
  },
  {
    without: 'a departure re-examines the quorum',
    file: 'rekey.ts',
    find: '      this.#quorum?.release(member);\n      this.#senders.drop(member);',
    replace: '      this.#senders.drop(member);',
  },
  {
    without: 'a sender that closes its last producer is one of the others',
    file: 'rekey.ts',
    find: '    this.#quorum?.stopSending(member);\n',
    replace: '',
  },
  {
    without: 'whoever lags is not waited for',
    file: 'rekey.ts',
    find: 'if (!member.lagging) quorum.await(member);',
    replace: 'quorum.await(member);',
  },
  {
    without: 'whoever lags is admitted anew',
    file: 'rekeyReadmissions.ts',
    find: '    for (const member of lagging) this.askLater(member, nowMs);\n',
    replace: '',
  },
  {
    without: 'minting has a deadline',
    file: 'rekeyMints.ts',
    find: 'stalledAtMs: nowMs + timers.custodianAnswerMs });',
    replace: 'stalledAtMs: Infinity });',
  },
  {
    without: 'a mint that fails is asked for again',
    file: 'rekey.ts',
    find: "    for (const lease of this.#restore(asked)) this.#tell({ kind: 'withdrawn', lease });\n",
    replace: '',
  },
  {
    without: 'a retry waits',
    file: 'rekeyMints.ts',
    find: 'this.#retryAtMs = nowMs + this.#at.timers.custodianAnswerMs;',
    replace: '',
  },
  {
    without: 'an acknowledgement of another fingerprint counts for nothing',
    file: 'rekey.ts',
    find: 'if (unheardOf || (live !== undefined && !equalBytes(live.fingerprint, fingerprint))) {',
    replace: 'if (unheardOf) {',
  },
  {
    without: 'what nobody opens any more nobody sends',
    file: 'rekey.ts',
    find: '    if (next !== undefined && next.behind > 0) this.#senders.pauseBehind(next);\n',
    replace: '',
  },
  {
    without: 'an epoch is kept for the receivers’ grace',
    file: 'rekeyEpochs.ts',
    find: 'this.#active.retireAtMs = nowMs + receiverGraceMs;',
    replace: 'this.#active.retireAtMs = nowMs + confirmGraceMs;',
  },
  {
    without: 'an old lease departs when it moves',
    file: 'rekeyMints.ts',
    find: '    ...moving.map(({ member, from }) => (member.inTree ? from : null)),\n',
    replace: '',
  },
  {
    without: 'whoever departs while it is moved is taken out under its new lease',
    file: 'rekey.ts',
    find: '        this.#pending.departedAs(from, to);\n',
    replace: '',
  },
  {
    without: 'whom a renewal leaves behind gets no key',
    file: 'rekeyMints.ts',
    find: '    ...leftBehind.map(({ lease, inTree }) => (inTree ? lease : null)),\n',
    replace: '',
  },
  {
    without: 'whom a renewal leaves behind is not waited for',
    file: 'rekey.ts',
    find: '      member.firstEpoch = null;\n      member.inTree = false;\n',
    replace: '      member.inTree = false;\n',
  },
  {
    without: 'what a round collected is discarded by a second compromise',
    file: 'rekeyReadmissions.ts',
    find: '    for (const member of members.values()) this.withdrawNext(member);\n',
    replace: '',
  },
  {
    without: 'what a round collected is discarded by a compromise during a mint that fails',
    file: 'rekeyReadmissions.ts',
    find: ' || this.#round?.has(member) === true) {',
    replace: ') {',
  },
  {
    without: 'who waits for a first key gets none by an admission from before a round',
    file: 'rekeyPending.ts',
    find: ', ...leftBehind.map(({ lease }) => lease)].filter(',
    replace: '].filter(',
  },
  {
    without: 'a round has a deadline',
    file: 'rekeyRound.ts',
    find: 'this.#endsAtMs = nowMs + this.#deadlineMs;',
    replace: 'this.#endsAtMs = Infinity;',
  },
  {
    without: 'a restart mints nothing before the round',
    file: 'rekeyMints.ts',
    find: "if (this.#custodian === 'empty' && round !== null)",
    replace: "if (this.#custodian === 'lost' && round !== null)",
  },
  {
    without: 'nothing of a lost custodian’s is taken out of the next one’s tree',
    file: 'rekeyPending.ts',
    find: '    for (const departure of this.#departures.values()) departure.treeLease = null;\n',
    replace: '',
  },
  {
    without: 'only a fresh epoch is shared',
    file: 'rekeyMints.ts',
    find: "joinPolicy === 'never' || nowMs < this.#newestAtMs + timers.freshForMs",
    replace: 'nowMs >= 0',
  },
  {
    without: 'nothing is shared where somebody departs',
    file: 'rekeyPending.ts',
    find: 'this.#joins.size > 0 && this.#departures.size === 0 &&',
    replace: 'this.#joins.size > 0 &&',
  },
  {
    without: 'who shares an epoch has a deadline of its own',
    file: 'rekey.ts',
    find: 'if (member.firstEpoch === live.epoch && member.acknowledgesByMs > this.#nowMs) {',
    replace: 'if (member.acknowledgesByMs === Infinity) {',
  },
  {
    without: 'an interval that fails is due at once',
    file: 'rekeyMints.ts',
    find: '    if (!share) this.#lastAskedAtMs = nowMs;\n',
    replace: '    if (!share) this.#lastAskedAtMs = nowMs;\n    this.#newestAtMs = nowMs;\n',
  },
  {
    without: 'everybody is admitted anew every renewal interval',
    file: 'rekeyReadmissions.ts',
    find: "if (this.#round === null && this.#taken === null) this.start('renewal', nowMs);",
    replace: '',
  },
];

const found = async (mutant: Mutant): Promise<fc.RunDetails<[History]>> => {
  const module: { RekeyMachine: typeof RekeyMachine } = await import(
    `../../src/keys/rekey.ts${mutated(mutant)}`
  );
  const property = fc.property(history, (given) => {
    new RekeyWorld(given, symbolicSuite(), (timers, policy) => new module.RekeyMachine(timers, policy)).run();
  });
  return fc.check(property, { seed, numRuns: patience, endOnFailure: true });
};

describe('a rekey machine that omits a rule', () => {
  for (const mutant of mutants) {
    it(`is found without: ${mutant.without}`, async (t) => {
      const { errorInstance, failed, numRuns } = await found(mutant);
      t.diagnostic(
        `seed ${seed}, history ${numRuns}: ${String(errorInstance).split('\n')[0]?.slice(0, 140)}`,
      );
      assert.ok(failed, `not found in ${patience} histories`);
      assert.ok(errorInstance instanceof assert.AssertionError, 'a law fails, not the code');
    });
  }
});
