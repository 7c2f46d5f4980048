// getUserMedia's and getDisplayMedia's errors (W3C Media Capture and Streams §10.2, Screen Capture §5.1), said to a person.

import type { Advice } from './advice.ts';

export type Kind = 'microphone' | 'camera';

const own = (kind: Kind): string => (kind === 'camera' ? 'Your camera' : 'Your microphone');

const names: Record<string, (kind: Kind) => Advice> = {
  NotAllowedError: (kind) => ({
    title: `This page may not use your ${kind}`,
    hint: `Allow it in the browser’s address bar (and in your system’s privacy settings), then turn the ${kind} on again.`,
  }),
  SecurityError: (kind) => ({
    title: `This browser does not let pages use a ${kind}`,
    hint: 'Its settings or your organisation forbid it. You can join all the same.',
  }),
  NotFoundError: (kind) => ({
    title: `No ${kind} was found`,
    hint: 'Plug one in and choose it, or join without.',
  }),
  NotReadableError: (kind) => ({
    title: `${own(kind)} is in use by another program`,
    hint: `Close that program, then turn the ${kind} on again.`,
  }),
  OverconstrainedError: (kind) => ({
    title: `The ${kind} you chose is not there any more`,
    hint: 'Choose another one.',
  }),
  AbortError: (kind) => ({
    title: `${own(kind)} could not be started`,
    hint: 'Unplug it and plug it in again, or choose another one.',
  }),
  InvalidStateError: () => ({
    title: 'This page was not in front when it asked for your devices',
    hint: 'Click the page, then try again.',
  }),
  TypeError: () => insecureAdvice,
};

/** Error names with words of their own. */
export const deviceErrorNames: readonly string[] = Object.keys(names);

/** getUserMedia exists only in secure contexts. */
export const insecureAdvice: Advice = {
  title: 'This page was opened over an unprotected connection',
  hint: 'Browsers give it no camera, microphone or keys. Open it with https:// in front.',
};

export const deviceAdvice = (thrown: unknown, kind: Kind): Advice => {
  const name: unknown = typeof thrown === 'object' && thrown !== null ? Reflect.get(thrown, 'name') : '';
  const words = typeof name === 'string' && Object.hasOwn(names, name) ? names[name] : undefined;
  return (
    words?.(kind) ?? {
      title: `${own(kind)} could not be started`,
      hint: 'Choose another one, or join without.',
    }
  );
};

/** The device went away while it was used. */
export const lostAdvice = (kind: Kind): Advice => ({
  title: `${own(kind)} stopped`,
  hint: 'It was unplugged, or another program took it. Turn it on again, or choose another one.',
});

/** null: the person closed the browser's own dialog, which needs no words. */
export const screenAdvice = (thrown: unknown): Advice | null => {
  const name: unknown = typeof thrown === 'object' && thrown !== null ? Reflect.get(thrown, 'name') : '';
  if (name === 'NotAllowedError') return null;
  if (name === 'NotReadableError') {
    return {
      title: 'The system does not let this browser see the screen',
      hint: 'Allow screen recording for it in the system’s privacy settings, then share again.',
    };
  }
  return {
    title: 'The screen could not be shared',
    hint: 'Try again, with another window or the whole screen.',
  };
};
