// Metrics of meetings and of who is in them: sizes, joins from the token to the first frame, departures, who waits.

import { Counter, Gauge, Histogram } from 'prom-client';
import type { Registry } from 'prom-client';

const joinBuckets = [0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10];

export const meetingMetrics = (registers: Registry[]) => ({
  meetings: new Gauge({
    name: 'latchkey_meetings',
    help: 'Meetings with somebody in them, by how many that is.',
    labelNames: ['kind', 'size'],
    registers,
  }),
  participants: new Gauge({
    name: 'latchkey_participants',
    help: 'Participants in all meetings.',
    labelNames: ['role'],
    registers,
  }),
  /** `result`: `ok` or an error's code. */
  joins: new Counter({
    name: 'latchkey_joins_total',
    help: 'Attempts to join, by how they ended: ok or the code of the error.',
    labelNames: ['result'],
    registers,
  }),
  joinSeconds: new Histogram({
    name: 'latchkey_join_seconds',
    help: 'From a join request to its answer, where it succeeded.',
    buckets: joinBuckets,
    registers,
  }),
  /** `token` and `admission` follow one another, `transport` and `activation` begin with the answer to `join`; `firstFrame` is the client's own time. */
  joinStageSeconds: new Histogram({
    name: 'latchkey_join_stage_seconds',
    help: 'Stages of joins: checking the token, being admitted; from the answer until the first transport is connected, and until the first key is in use; from the first message to the first frame that was opened, as clients report it.',
    labelNames: ['stage'],
    buckets: joinBuckets,
    registers,
  }),
  guestsWaiting: new Gauge({
    name: 'latchkey_guests_waiting',
    help: 'People before the doors of meetings, by what they wait for.',
    labelNames: ['reason'],
    registers,
  }),
  departures: new Counter({
    name: 'latchkey_departures_total',
    help: 'Participants gone, by cause.',
    labelNames: ['cause'],
    registers,
  }),
});
