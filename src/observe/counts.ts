// What happens, on its way into metrics: one method for each kind of event, in the protocol's words and in milliseconds, so that
// whoever counts knows neither labels nor units of Prometheus.

import type { ErrorCode } from '../protocol/errors.ts';
import { droppedReasons } from '../protocol/names.ts';
import type { DepartureCause, ReadmissionReason, Trigger } from '../protocol/names.ts';
import type { ReportCounts } from './clientReports.ts';
import type { Metrics } from './metrics.ts';
import { suiteLabel } from './suites.ts';

/**
 * The way of a join, in order: the token checked · the transports opened · admitted by the custodian · the first epoch in use · the first
 * frame opened, as the client reports it.
 */
export const joinStages = ['token', 'admission', 'transport', 'activation', 'firstFrame'] as const;
export type JoinStage = (typeof joinStages)[number];

/** `abandoned`: the transport was closed before its handshake had ended. */
export type HandshakeResult = 'ok' | 'failed' | 'abandoned';

export interface PacketCounts {
  readonly received: number;
  readonly lostIn: number;
  readonly sent: number;
  readonly lostOut: number;
}

const meetingCounts = (metrics: Metrics) => ({
  joinEnded: (result: 'ok' | ErrorCode, ms: number): void => {
    metrics.joins.inc({ result });
    if (result === 'ok') metrics.joinSeconds.observe(ms / 1_000);
  },
  joinStage: (stage: JoinStage, ms: number): void => metrics.joinStageSeconds.observe({ stage }, ms / 1_000),
  departed: (cause: DepartureCause): void => metrics.departures.inc({ cause }),
  /** A lost connection that came back, or did not. */
  resumed: (result: 'ok' | 'refused' | 'expired'): void => metrics.resumes.inc({ result }),
});

const keyCounts = (metrics: Metrics) => ({
  minted: (trigger: Trigger): void => metrics.epochsMinted.inc({ trigger }),
  /** From mint to activation. */
  activated: (trigger: Trigger, ms: number): void => metrics.rekeySeconds.observe({ trigger }, ms / 1_000),
  /** From the sending of a rekey to one participant to its acknowledgement; not of those that were away meanwhile. */
  acknowledged: (ms: number): void => metrics.acknowledgementSeconds.observe(ms / 1_000),
  exposure: (ms: number): void => metrics.exposureSeconds.observe(ms / 1_000),
  /** From the loss of the custodian until a meeting had an epoch of the next one in use. */
  recovered: (ms: number): void => metrics.recoverySeconds.observe(ms / 1_000),
  readmitted: (reason: ReadmissionReason): void => metrics.readmissions.inc({ reason }),
  custodianLost: (): void => metrics.custodianRestarts.inc(),
  ledgerFailed: (): void => metrics.ledgerFailures.inc(),
});

const mediaCounts = (metrics: Metrics) => ({
  handshake: (result: HandshakeResult, more: number): void => metrics.handshakes.inc({ result }, more),
  /** A participant's worker died, and it was told to open its media on another. */
  mediaMoved: (): void => metrics.mediaMoved.inc(),
  /** More of each than was said before. */
  packets: ({ received, lostIn, sent, lostOut }: PacketCounts): void => {
    metrics.packets.inc({ direction: 'in' }, received);
    metrics.packets.inc({ direction: 'out' }, sent);
    metrics.packetsLost.inc({ direction: 'in' }, lostIn);
    metrics.packetsLost.inc({ direction: 'out' }, lostOut);
  },
  /** Frames whose headers were looked at since the last time, and those of them out of order. */
  inspected: (frames: number, outOfOrder: number): void => {
    metrics.framesInspected.inc({ result: 'inOrder' }, frames - outOfOrder);
    metrics.framesInspected.inc({ result: 'outOfOrder' }, outOfOrder);
  },
  /** `kind`: of METRICS.md's, never of a peer. */
  senderRefused: (kind: string): void => metrics.sendersRefused.inc({ kind }),
});

const reportCounts = (metrics: Metrics): Omit<ReportCounts, 'joinStage'> => ({
  hopReported: ({ srtpCipher, dtlsCipher, tlsVersion }) => {
    metrics.srtpSuites.inc({ suite: suiteLabel('srtpCipher', srtpCipher) });
    metrics.dtlsSuites.inc({ suite: suiteLabel('dtlsCipher', dtlsCipher) });
    metrics.dtlsVersions.inc({ version: suiteLabel('tlsVersion', tlsVersion) });
  },
  framesDropped: (dropped) => {
    for (const reason of droppedReasons) {
      const frames = dropped[reason] ?? 0;
      if (frames > 0) metrics.framesDropped.inc({ reason }, frames);
    }
  },
});

const signalingCounts = (metrics: Metrics) => ({
  signalingError: (code: ErrorCode): void => {
    metrics.signalingErrors.inc({ code });
    if (code === 'too_slow') metrics.slowSockets.inc({ result: 'dropped' });
  },
  rosterNotices: (sent: number): void => metrics.rosterNotices.inc(sent),
  /** It was told everything anew instead of what was queued for it. */
  resynchronised: (): void => metrics.slowSockets.inc({ result: 'resynchronised' }),
});

export const createCounts = (metrics: Metrics) => ({
  ...meetingCounts(metrics),
  ...keyCounts(metrics),
  ...mediaCounts(metrics),
  ...reportCounts(metrics),
  ...signalingCounts(metrics),
});

export type Counts = ReturnType<typeof createCounts>;
