// A process of generated participants, told by the one that runs the load what they do, over IPC. It ends when it is asked to, and when that
// process is gone.

import type { FrameCounts } from '../client/session/keyAgent.ts';
import { emptyTally } from '../client/session/frameStreams.ts';
import { createNodeAgentCrypto } from '../client/session/nodeAgentCrypto.ts';
import { createSharedVerify } from '../client/session/sharedVerify.ts';
import { LatchkeyError } from '../protocol/errors.ts';
import type { Attendance } from './epochRecord.ts';
import { timedStages } from './generatorMessages.ts';
import type {
  Answered,
  Beginning,
  GeneratorCounts,
  GeneratorReport,
  JoinOrder,
  JoinOutcome,
  Question,
  Questions,
  TimedStage,
} from './generatorMessages.ts';
import { handleMessagesLate } from './lateSocket.ts';
import { codeOf, LoadParticipant } from './loadParticipant.ts';
import type { Surroundings, Tallies } from './loadParticipant.ts';
import { mediaPeersEnded } from './mediaPeer.ts';
import { flows } from './population.ts';
import { Samples } from './samples.ts';
import { Seeded } from './seeded.ts';
import { SocketDrops } from './socketDrops.ts';

/** How long each part of the end may take, in milliseconds; libdatachannel waits for its peers' answers. */
const endMs = 4_000;
/** Of those who left: beyond it the oldest are forgotten. */
const mostRemembered = 20_000;
const dropsEveryMs = 2_000;
/** A leaving participant waits for an answer: many at once, and not all, so that no timeout passes in a queue. */
const leavesAtOnce = 50;

class Generator {
  readonly #slow: boolean;
  readonly #surroundings: Surroundings;
  readonly #participants = new Map<number, LoadParticipant>();
  readonly #joining = new Set<Promise<JoinOutcome>>();
  readonly #gone: Attendance[] = [];
  readonly #tallies: Tallies = {
    sent: 0,
    received: 0,
    lost: 0,
    opened: 0,
    unopened: 0,
    beforeFirstEpoch: 0,
    retried: 0,
    epoch: -1,
  };
  readonly #stages: Readonly<Record<TimedStage, Samples>>;
  readonly #frames = emptyTally();
  readonly #ended = new Map<string, number>();
  readonly #drops = new SocketDrops();
  readonly #dropsTimer: NodeJS.Timeout;
  #silent = 0;

  constructor({ url, lateMs, seed }: Beginning) {
    this.#slow = lateMs > 0;
    if (this.#slow) handleMessagesLate(lateMs);
    const random = new Seeded(seed, flows.samples);
    this.#stages = Object.fromEntries(timedStages.map((stage) => [stage, new Samples(random)])) as Record<
      TimedStage,
      Samples
    >;
    this.#surroundings = {
      url,
      // Each participant of a meeting is a machine of its own, and checks for itself; here they all stand on one.
      crypto: createNodeAgentCrypto(createSharedVerify()),
      tallies: this.#tallies,
      onStage: (stage, ms) => this.#stages[stage].add(ms),
      onEnded: (participant, reason) => {
        this.#ended.set(reason, (this.#ended.get(reason) ?? 0) + 1);
        void this.#forget(participant);
      },
    };
    this.#dropsTimer = setInterval(() => this.#drops.look(), dropsEveryMs);
  }

  join(order: JoinOrder): Promise<JoinOutcome> {
    const joining = this.#join(order);
    this.#joining.add(joining);
    void joining.then(() => this.#joining.delete(joining));
    return joining;
  }

  /** Never rejects. */
  async #join(order: JoinOrder): Promise<JoinOutcome> {
    try {
      const participant = await LoadParticipant.join(order, this.#surroundings);
      if (!participant.session.ended) this.#participants.set(order.index, participant);
      return { ok: true };
    } catch (thrown) {
      const retryAfterMs: unknown =
        thrown instanceof LatchkeyError ? Reflect.get(thrown, 'retryAfterMs') : null;
      return {
        ok: false,
        code: codeOf(thrown),
        retryAfterMs: typeof retryAfterMs === 'number' ? retryAfterMs : null,
      };
    }
  }

  async leave(index: number): Promise<void> {
    const participant = this.#participants.get(index);
    if (participant === undefined) return;
    await participant.leave();
    await this.#forget(participant);
  }

  counts(): GeneratorCounts {
    const { sent, received, lost, opened, unopened, epoch } = this.#tallies;
    let lostNow = lost;
    for (const participant of this.#participants.values()) lostNow += participant.lost;
    return { present: this.#participants.size, epoch, sent, received, lost: lostNow, opened, unopened };
  }

  async report(): Promise<GeneratorReport> {
    this.#drops.look();
    const frames = { ...this.#frames };
    const attendances = [...this.#gone];
    let silent = this.#silent;
    for (const participant of this.#participants.values()) {
      addTo(frames, await participant.counts());
      attendances.push(...this.#attendanceOf(participant));
      if (participant.silent) silent++;
    }
    const { user, system } = process.cpuUsage();
    return {
      counts: this.counts(),
      stages: Object.fromEntries(timedStages.map((stage) => [stage, this.#stages[stage].values])) as Record<
        TimedStage,
        Float64Array
      >,
      silent,
      frames,
      beforeFirstEpoch: this.#tallies.beforeFirstEpoch,
      retried: this.#tallies.retried,
      ended: Object.fromEntries(this.#ended),
      attendances,
      cpuSeconds: (user + system) / 1_000_000,
      rssBytes: process.memoryUsage.rss(),
      socketDrops: this.#drops.count,
    };
  }

  async end(): Promise<void> {
    clearInterval(this.#dropsTimer);
    // Who is just coming leaves as the others do.
    await soon(Promise.all(this.#joining));
    const leaving = [...this.#participants.keys()];
    const leaveSome = async (): Promise<void> => {
      for (let index = leaving.pop(); index !== undefined; index = leaving.pop()) await this.leave(index);
    };
    await Promise.all(Array.from({ length: leavesAtOnce }, leaveSome));
    await soon(mediaPeersEnded());
  }

  async #forget(participant: LoadParticipant): Promise<void> {
    for (const [index, one] of this.#participants) if (one === participant) this.#participants.delete(index);
    if (participant.silent) this.#silent++;
    this.#gone.push(...this.#attendanceOf(participant));
    if (this.#gone.length > mostRemembered) this.#gone.splice(0, this.#gone.length - mostRemembered);
    addTo(this.#frames, await participant.counts());
  }

  #attendanceOf({ session, epochs }: LoadParticipant): Attendance[] {
    const attendance = epochs.attendance(session.self.participantId, this.#slow);
    return attendance === null ? [] : [attendance];
  }
}

/** Waits no longer than the end may take. */
const soon = async (work: Promise<unknown>): Promise<void> => {
  await Promise.race([work, new Promise((resolve) => void setTimeout(resolve, endMs).unref())]);
};

const addTo = (sum: { -readonly [C in keyof FrameCounts]: number }, counts: FrameCounts): void => {
  for (const name of Object.keys(counts) as (keyof FrameCounts)[]) sum[name] += counts[name];
};

let generator: Generator | null = null;

const begun = (): Generator => {
  if (generator === null) throw new TypeError('begin first');
  return generator;
};

type Handlers = {
  readonly [Q in keyof Questions]: (
    data: Questions[Q]['ask'],
  ) => Questions[Q]['answer'] | Promise<Questions[Q]['answer']>;
};

const handlers: Handlers = {
  begin: (beginning) => {
    generator = new Generator(beginning);
    return null;
  },
  join: (order) => begun().join(order),
  leave: async (index) => {
    await begun().leave(index);
    return null;
  },
  counts: () => begun().counts(),
  report: () => begun().report(),
  end: async () => {
    await generator?.end();
    return null;
  },
};

const answer = async ({ id, question, data }: Question): Promise<Answered> => {
  try {
    const handle = handlers[question] as (data: unknown) => unknown;
    return { id, data: await handle(data) };
  } catch (thrown) {
    return { id, error: thrown instanceof Error ? (thrown.stack ?? thrown.message) : String(thrown) };
  }
};

process.on('message', (question: Question) => {
  void answer(question).then((answered) => {
    if (process.connected) process.send?.(answered);
  });
});
// A terminal's Ctrl+C reaches all processes; the one that runs the load ends the others in order.
process.on('SIGINT', () => undefined);
process.on('disconnect', () => process.exit());
