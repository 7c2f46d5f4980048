// The <audio> elements through which others are heard: started together after a click where the browser holds them back, and
// sent to the loudspeaker that the person chose.

const elements = new Set<HTMLAudioElement>();
let output = '';

const route = (element: HTMLAudioElement): void => {
  if (!('setSinkId' in element)) return;
  element.setSinkId(output).catch((thrown: unknown) => {
    // The device went away: the system's own choice goes on.
    if (thrown instanceof DOMException && output !== '') void element.setSinkId('');
  });
};

export const canChooseOutput = (): boolean => 'setSinkId' in HTMLMediaElement.prototype;

/** @returns what takes it away again. `tellBlocked`: the browser's autoplay policy wants a click first. */
export const playThrough = (
  element: HTMLAudioElement,
  track: MediaStreamTrack,
  tellBlocked: () => void,
): (() => void) => {
  elements.add(element);
  element.srcObject = new MediaStream([track]);
  if (output !== '') route(element);
  element.play().catch((thrown: unknown) => {
    if (thrown instanceof DOMException && thrown.name === 'NotAllowedError') tellBlocked();
  });
  return () => {
    elements.delete(element);
    element.srcObject = null;
  };
};

/** Right after a click. @returns whether all are heard now. */
export const playAll = async (): Promise<boolean> => {
  const attempts = await Promise.allSettled([...elements].map((element) => element.play()));
  return attempts.every(({ status }) => status === 'fulfilled');
};

export const chooseOutput = (id: string | null): void => {
  output = id ?? '';
  for (const element of elements) route(element);
};
