// Metrics of the control process: sockets, HTTP, whether it turns people away.

import { Counter, Gauge, Histogram } from 'prom-client';
import type { Registry } from 'prom-client';

/** Of answers that ask nothing of anybody else, up to what people notice. */
const answerBuckets = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5];

export const serverMetrics = (registers: Registry[]) => ({
  sockets: new Gauge({
    name: 'latchkey_signaling_sockets',
    help: 'WebSockets open, joined or not.',
    registers,
  }),
  signalingErrors: new Counter({
    name: 'latchkey_signaling_errors_total',
    help: 'Error replies and connections ended for an error, by code.',
    labelNames: ['code'],
    registers,
  }),
  /** `result`: `resynchronised` or `dropped`. */
  slowSockets: new Counter({
    name: 'latchkey_slow_sockets_total',
    help: 'Connections that did not keep up: told everything anew instead of what was queued, or dropped.',
    labelNames: ['result'],
    registers,
  }),
  rosterNotices: new Counter({
    name: 'latchkey_roster_notices_total',
    help: 'Notices of who came, went or changed, sent to single participants.',
    registers,
  }),
  busy: new Gauge({
    name: 'latchkey_busy',
    help: '1 while new joins are told to come back later, by what there is too much of, else 0.',
    labelNames: ['reason'],
    registers,
  }),
  httpRequests: new Counter({
    name: 'latchkey_http_requests_total',
    help: 'HTTP requests answered.',
    labelNames: ['route', 'method', 'status'],
    registers,
  }),
  httpSeconds: new Histogram({
    name: 'latchkey_http_request_seconds',
    help: 'From an HTTP request to the end of its answer.',
    labelNames: ['route'],
    buckets: answerBuckets,
    registers,
  }),
});
