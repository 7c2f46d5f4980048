// A page that sends to itself: one participant, its SFrame worker, and two peer connections between which frames are sealed. The test
// drives it through `globalThis.loopback`.

import { SFrameThread } from '../../../src/client/browser/sframeThread.ts';
import { connect } from '../../../src/client/session/connect.ts';
import type { FrameCounts } from '../../../src/client/session/keyAgent.ts';
import type { Session } from '../../../src/client/session/session.ts';
import { lease, streamId } from '../../../src/protocol/names.ts';
import type { Decoded, LoopbackApi } from '../loopbackApi.ts';

const codecs = { audio: 'opus', video: 'vp8' } as const;
const streams = { audio: streamId(0), video: streamId(1) } as const;

/** Looks again with each picture. */
const until = async (holds: () => Promise<boolean>): Promise<void> => {
  while (!(await holds())) await new Promise((resolve) => requestAnimationFrame(resolve));
};

class Loopback implements LoopbackApi {
  #session: Session | null = null;
  #thread: SFrameThread | null = null;
  readonly #near = new RTCPeerConnection();
  readonly #far = new RTCPeerConnection();
  readonly events: string[] = [];

  async join(token: string, server: string): Promise<void> {
    this.#thread = new SFrameThread(new URL('/sframeWorker.js', server));
    this.#session = await connect({
      url: server,
      token,
      keyAgent: this.#thread.agent,
      encodedTransforms: true,
    });
    this.#session.on('failure', ({ code }) => this.events.push(`failure ${code}`));
    this.#session.on('ended', ({ reason }) => this.events.push(`ended ${reason}`));
    await this.#session.keyed(10_000);
  }

  async send(foreign: boolean): Promise<void> {
    const [session, thread] = this.#parts();
    const media = await navigator.mediaDevices.getUserMedia({ audio: true, video: true });
    this.#near.onicecandidate = ({ candidate }) => void this.#far.addIceCandidate(candidate ?? undefined);
    this.#far.onicecandidate = ({ candidate }) => void this.#near.addIceCandidate(candidate ?? undefined);
    this.#far.ontrack = ({ receiver, track }) => {
      const kind = track.kind as 'audio' | 'video';
      const origin = { lease: foreign ? lease(999) : session.lease, stream: streams[kind] };
      thread.open(receiver, origin, codecs[kind]);
      const element = document.createElement(kind);
      element.srcObject = new MediaStream([track]);
      document.body.append(element);
      void element.play();
    };
    for (const track of media.getTracks()) {
      const kind = track.kind as 'audio' | 'video';
      const { sender } = this.#near.addTransceiver(track, { direction: 'sendonly' });
      thread.seal(sender, streams[kind], codecs[kind]);
    }
    await this.#near.setLocalDescription();
    await this.#far.setRemoteDescription(this.#near.localDescription ?? { type: 'offer' });
    await this.#far.setLocalDescription();
    await this.#near.setRemoteDescription(this.#far.localDescription ?? { type: 'answer' });
  }

  async decoded(): Promise<Decoded> {
    const sum = (reports: RTCStatsReport, type: string, name: string): number =>
      [...(reports.values() as Iterable<Record<string, unknown>>)]
        .filter((report) => report['type'] === type)
        .reduce((total, report) => total + Number(report[name] ?? 0), 0);
    const [far, near] = await Promise.all([this.#far.getStats(), this.#near.getStats()]);
    return {
      videoFrames: sum(far, 'inbound-rtp', 'framesDecoded'),
      audioEnergy: sum(far, 'inbound-rtp', 'totalAudioEnergy'),
      packetsSent: sum(near, 'outbound-rtp', 'packetsSent'),
    };
  }

  counts(): Promise<FrameCounts> {
    return this.#parts()[1].agent.counts();
  }

  async decodesMore(videoFrames: number): Promise<void> {
    const before = await this.decoded();
    await until(async () => {
      const now = await this.decoded();
      return now.videoFrames >= before.videoFrames + videoFrames && now.audioEnergy > before.audioEnergy;
    });
  }

  async countsMore(name: keyof FrameCounts, frames: number): Promise<void> {
    const before = await this.counts();
    await until(async () => (await this.counts())[name] >= before[name] + frames);
  }

  async inEpoch(epoch: number): Promise<void> {
    await until(async () => this.#session?.epoch?.epoch === epoch);
  }

  async stopSealing(): Promise<void> {
    await this.#parts()[1].agent.stop();
  }

  async leave(): Promise<void> {
    await this.#parts()[0].leave();
  }

  #parts(): [Session, SFrameThread] {
    if (this.#session === null || this.#thread === null) throw new Error('join first');
    return [this.#session, this.#thread];
  }
}

globalThis.loopback = new Loopback();
