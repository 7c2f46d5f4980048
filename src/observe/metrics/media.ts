// Metrics of media: the workers, what they carry and lose, the hops to clients, and what clients could not open.

import { Counter, Gauge } from 'prom-client';
import type { Registry } from 'prom-client';

export const mediaMetrics = (registers: Registry[]) => ({
  workers: new Gauge({
    name: 'latchkey_media_workers',
    help: 'Media workers that run.',
    registers,
  }),
  workerCpu: new Counter({
    name: 'latchkey_worker_cpu_seconds_total',
    help: 'CPU time of media workers, and of those that they replaced.',
    labelNames: ['worker'],
    registers,
  }),
  workerLoad: new Gauge({
    name: 'latchkey_worker_load',
    help: 'Share of one core that a media worker took since it was last looked at.',
    labelNames: ['worker'],
    registers,
  }),
  workerMemory: new Gauge({
    name: 'latchkey_worker_resident_memory_bytes',
    help: 'Resident memory of media workers.',
    labelNames: ['worker'],
    registers,
  }),
  workerRouters: new Gauge({
    name: 'latchkey_worker_routers',
    help: 'Routers of a media worker.',
    labelNames: ['worker'],
    registers,
  }),
  workerTransports: new Gauge({
    name: 'latchkey_worker_transports',
    help: 'Transports of a media worker to participants.',
    labelNames: ['worker'],
    registers,
  }),
  workerProducers: new Gauge({
    name: 'latchkey_worker_producers',
    help: 'Producers of a media worker: what participants send to it, and what other workers do.',
    labelNames: ['worker'],
    registers,
  }),
  workerConsumers: new Gauge({
    name: 'latchkey_worker_consumers',
    help: 'Consumers of a media worker: what it sends to participants.',
    labelNames: ['worker'],
    registers,
  }),
  workerPipes: new Gauge({
    name: 'latchkey_worker_pipes',
    help: 'Streams that a media worker carries to others.',
    labelNames: ['worker'],
    registers,
  }),
  /** `direction`: `in` or `out`. */
  packets: new Counter({
    name: 'latchkey_packets_total',
    help: 'RTP packets that arrived from participants, and that were sent to them.',
    labelNames: ['direction'],
    registers,
  }),
  packetsLost: new Counter({
    name: 'latchkey_packets_lost_total',
    help: 'RTP packets that did not arrive: from participants as the server counts them, at participants as they report.',
    labelNames: ['direction'],
    registers,
  }),
  mediaMoved: new Counter({
    name: 'latchkey_participants_moved_total',
    help: 'Participants told to open their media again on another worker, since theirs died.',
    registers,
  }),
  /** `result`: `ok`, `failed`, or `abandoned`: the transport was closed before. */
  handshakes: new Counter({
    name: 'latchkey_dtls_handshakes_total',
    help: 'DTLS handshakes of transports, by how they ended.',
    labelNames: ['result'],
    registers,
  }),
  srtpSuites: new Counter({
    name: 'latchkey_client_srtp_suites_total',
    help: 'Hops that clients reported, by what seals their media packets.',
    labelNames: ['suite'],
    registers,
  }),
  dtlsSuites: new Counter({
    name: 'latchkey_client_dtls_suites_total',
    help: 'Hops that clients reported, by what seals their handshakes.',
    labelNames: ['suite'],
    registers,
  }),
  dtlsVersions: new Counter({
    name: 'latchkey_client_dtls_versions_total',
    help: 'Hops that clients reported, by the version of DTLS.',
    labelNames: ['version'],
    registers,
  }),
  framesDropped: new Counter({
    name: 'latchkey_client_frames_dropped_total',
    help: 'Frames that clients reported to have dropped, instead of opening or sending them, by why.',
    labelNames: ['reason'],
    registers,
  }),
  /** `result`: `inOrder` or `outOfOrder`: a counter below one that was seen before, as reordering networks make them. */
  framesInspected: new Counter({
    name: 'latchkey_frames_inspected_total',
    help: 'Frames whose headers the watch on senders looked at, by whether their counters rose.',
    labelNames: ['result'],
    registers,
  }),
  sendersRefused: new Counter({
    name: 'latchkey_senders_refused_total',
    help: 'Participants removed because of what they sent, by what was wrong with it.',
    labelNames: ['kind'],
    registers,
  }),
});
