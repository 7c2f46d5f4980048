// Settings of media workers and rooms as tests want them: on loopback, ports of the system's choice, nothing full, everybody audible.

export const mediaSettings = {
  workers: 1,
  listenIp: '127.0.0.1',
  portBase: 0,
  workerLoad: 100,
  consumersPerWorker: 10_000,
};

export const roomLimits = {
  maxIncomingBitrate: 1_000_000,
  initialOutgoingBitrate: 600_000,
  keyFrameRequestDelayMs: 1_000,
  loudestFrom: 20,
  loudest: 5,
  egressBitrate: 1_000_000_000,
};
