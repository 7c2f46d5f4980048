// How loud a microphone is, from 0 to 1, for the meter. One audio context for the page: browsers allow few.

let shared: AudioContext | null = null;

const audioContext = (): AudioContext => {
  shared ??= new AudioContext({ latencyHint: 'interactive' });
  return shared;
};

/** −60 dB is an empty meter, 0 dB a full one. */
const floorDb = -60;

const levelOf = (samples: Float32Array): number => {
  let sum = 0;
  for (const sample of samples) sum += sample * sample;
  const db = 10 * Math.log10(sum / samples.length + 1e-12);
  return Math.min(1, Math.max(0, 1 - db / floorDb));
};

/** Tells the level once a frame until the returned function is called. */
export const watchLevel = (track: MediaStreamTrack, tell: (level: number) => void): (() => void) => {
  const context = audioContext();
  const source = context.createMediaStreamSource(new MediaStream([track]));
  const analyser = new AnalyserNode(context, { fftSize: 1024 });
  source.connect(analyser);
  const samples = new Float32Array(analyser.fftSize);
  let frame = 0;
  const look = (): void => {
    analyser.getFloatTimeDomainData(samples);
    tell(levelOf(samples));
    frame = requestAnimationFrame(look);
  };
  look();
  // Before a first click the context sleeps (autoplay policy), and the meter with it.
  const wake = (): void => {
    if (context.state === 'suspended') context.resume().catch(() => tell(0));
  };
  wake();
  document.addEventListener('pointerdown', wake);
  document.addEventListener('keydown', wake);
  return () => {
    cancelAnimationFrame(frame);
    document.removeEventListener('pointerdown', wake);
    document.removeEventListener('keydown', wake);
    source.disconnect();
  };
};
