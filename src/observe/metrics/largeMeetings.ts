// Metrics of single meetings: of large ones only, and of few of those (largeMeetings.ts), because each meeting is a label's value.

import { Gauge } from 'prom-client';
import type { Registry } from 'prom-client';

export const largeMeetingMetrics = (registers: Registry[]) => ({
  participants: new Gauge({
    name: 'latchkey_large_meeting_participants',
    help: 'Participants of a large meeting.',
    labelNames: ['meeting'],
    registers,
  }),
  audience: new Gauge({
    name: 'latchkey_large_meeting_audience',
    help: 'Viewers of a large meeting.',
    labelNames: ['meeting'],
    registers,
  }),
  epoch: new Gauge({
    name: 'latchkey_large_meeting_epoch',
    help: 'Number of the epoch in use in a large meeting.',
    labelNames: ['meeting'],
    registers,
  }),
  epochAge: new Gauge({
    name: 'latchkey_large_meeting_epoch_age_seconds',
    help: 'Since the epoch in use in a large meeting was activated.',
    labelNames: ['meeting'],
    registers,
  }),
  lagging: new Gauge({
    name: 'latchkey_large_meeting_lagging',
    help: 'Participants of a large meeting that missed an acknowledgement deadline and have not caught up.',
    labelNames: ['meeting'],
    registers,
  }),
  paused: new Gauge({
    name: 'latchkey_large_meeting_paused',
    help: 'Senders of a large meeting paused by the server because they have not confirmed the active epoch.',
    labelNames: ['meeting'],
    registers,
  }),
});

export type LargeMeetingGauges = ReturnType<typeof largeMeetingMetrics>;
