// The parts of synthetic participants that benches put together: in one place, whence they come.

export { MediaPeer, mediaPeersEnded } from '../../src/load/mediaPeer.ts';
export type { Direction } from '../../src/load/mediaPeer.ts';
export { rtpPacket, vp8Payloads } from '../../src/load/rtpPackets.ts';
export {
  camera,
  receiverCapabilities,
  rtpParametersOf,
  speech,
  syntheticFrame,
} from '../../src/load/syntheticMedia.ts';
export type { SyntheticMedia } from '../../src/load/syntheticMedia.ts';
export { until } from '../participant/until.ts';
