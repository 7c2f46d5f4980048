// Puts work off to the next frame, so that what happens a hundred times in one is done once.

/** A page in the background draws no frames: then it is done so much later. */
const hiddenMs = 250;

export interface Frame {
  /** Once, in the next frame, however often it is asked for. */
  ask(): void;
  close(): void;
}

export const createFrame = (run: () => void): Frame => {
  let frame = 0;
  let timer: ReturnType<typeof setTimeout> | undefined;
  const stop = (): void => {
    cancelAnimationFrame(frame);
    clearTimeout(timer);
    timer = undefined;
  };
  const now = (): void => {
    stop();
    run();
  };
  return {
    ask() {
      if (timer !== undefined) return;
      frame = requestAnimationFrame(now);
      timer = setTimeout(now, hiddenMs);
    },
    close: stop,
  };
};
