// Drawn by hand on a 24-unit grid, stroke 1.75. Decoration only: the control around each has the words.

import type { JSX } from 'preact';

const paths = {
  microphone: 'M12 3.5a3 3 0 0 1 3 3v5a3 3 0 0 1-6 0v-5a3 3 0 0 1 3-3ZM5.5 11.5a6.5 6.5 0 0 0 13 0M12 18v2.5',
  microphoneOff:
    'M9 6.5a3 3 0 0 1 6 0v5m-1.2 2.4A3 3 0 0 1 9 11.5V9M5.5 11.5a6.5 6.5 0 0 0 10.7 5M18.3 13.2a6.5 6.5 0 0 0 .2-1.7M12 18v2.5M4 4l16 16',
  camera:
    'M4.5 6.5h9a1.5 1.5 0 0 1 1.5 1.5v8a1.5 1.5 0 0 1-1.5 1.5h-9A1.5 1.5 0 0 1 3 16V8a1.5 1.5 0 0 1 1.5-1.5ZM15 11l6-3.5v9L15 13',
  cameraOff:
    'M8 6.5h5.5A1.5 1.5 0 0 1 15 8v5.5m-.4 3.4a1.5 1.5 0 0 1-1.1.6h-9A1.5 1.5 0 0 1 3 16V8a1.5 1.5 0 0 1 1-1.4M15 11l6-3.5v9l-2.6-1.5M4 4l16 16',
  screen:
    'M4.5 4.5h15A1.5 1.5 0 0 1 21 6v9.5a1.5 1.5 0 0 1-1.5 1.5h-15A1.5 1.5 0 0 1 3 15.5V6a1.5 1.5 0 0 1 1.5-1.5ZM8.5 20.5h7M12 14V8m-2.7 2.7L12 8l2.7 2.7',
  people:
    'M9 11.5a3.5 3.5 0 1 0 0-7 3.5 3.5 0 0 0 0 7ZM2.5 19.5a6.5 6.5 0 0 1 13 0M15.5 4.8a3.5 3.5 0 0 1 0 6.4M18 13.8a6.5 6.5 0 0 1 3.5 5.7',
  devices:
    'M4 7h10M18 7h2M4 17h2M10 17h10M16 9a2 2 0 1 0 0-4 2 2 0 0 0 0 4ZM8 19a2 2 0 1 0 0-4 2 2 0 0 0 0 4Z',
  leave:
    'M3.5 14.5c0-2.5 4-4.5 8.5-4.5s8.5 2 8.5 4.5c0 1.2-.6 2-1.6 1.8l-2.7-.5c-.8-.2-1.2-.7-1.2-1.5v-1.2a10 10 0 0 0-6 0v1.2c0 .8-.4 1.3-1.2 1.5l-2.7.5c-1 .2-1.6-.6-1.6-1.8Z',
  invite:
    'M10 11.5a3.5 3.5 0 1 0 0-7 3.5 3.5 0 0 0 0 7ZM3.5 19.5a6.5 6.5 0 0 1 11-4.7M18.5 14.5v6M15.5 17.5h6',
  lock: 'M6.5 10.5h11A1.5 1.5 0 0 1 19 12v7a1.5 1.5 0 0 1-1.5 1.5h-11A1.5 1.5 0 0 1 5 19v-7a1.5 1.5 0 0 1 1.5-1.5ZM8 10.5V8a4 4 0 0 1 8 0v2.5M12 14.5v2',
  close: 'M6 6l12 12M18 6L6 18',
  warning: 'M12 4.5 21 19.5H3ZM12 10.5v4M12 17v.2',
  sound: 'M4 9.5v5h3.5L12 18.5v-13L7.5 9.5ZM15.5 9a4.2 4.2 0 0 1 0 6M18 6.5a8 8 0 0 1 0 11',
  copy: 'M9 8.5h9A1.5 1.5 0 0 1 19.5 10v9a1.5 1.5 0 0 1-1.5 1.5H9A1.5 1.5 0 0 1 7.5 19v-9A1.5 1.5 0 0 1 9 8.5ZM16.5 8.5V5A1.5 1.5 0 0 0 15 3.5H6A1.5 1.5 0 0 0 4.5 5v9A1.5 1.5 0 0 0 6 15.5h1.5',
  hand: 'M8 12V6.5a1.5 1.5 0 0 1 3 0V11m0-5.5a1.5 1.5 0 0 1 3 0V11m0-3.5a1.5 1.5 0 0 1 3 0V14a6.5 6.5 0 0 1-6.5 6.5c-2.6 0-4-1.2-5.2-3.2L4 14.2a1.4 1.4 0 0 1 2.3-1.6L8 14.5V11',
  stepDown: 'M5 5.5h14M12 9.5v10m-4-4 4 4 4-4',
  more: 'M6 12v.2M12 12v.2M18 12v.2',
  previous: 'M14.5 6l-6 6 6 6',
  next: 'M9.5 6l6 6-6 6',
  check: 'M5 12.5l4.5 4.5L19 7.5',
} as const;

export type IconName = keyof typeof paths;

export const Icon = ({ name }: { name: IconName }): JSX.Element => (
  <svg class="icon" viewBox="0 0 24 24" aria-hidden="true" focusable="false">
    <path d={paths[name]} />
  </svg>
);

export const Mark = (): JSX.Element => (
  <svg class="mark" viewBox="0 0 32 32" aria-hidden="true" focusable="false">
    <rect width="32" height="32" rx="8" />
    <circle cx="11" cy="16" r="5" />
    <path d="M16 16h10.5M22 16v4.2M26.5 16v3" />
  </svg>
);
