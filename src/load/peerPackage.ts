// Whether the package with the media peer is there: it is an optional dependency, since a server does without it.

import { LoadFailure } from './failure.ts';

/** @throws LoadFailure saying what to do. */
export const assertPeerPackage = async (): Promise<void> => {
  try {
    await import('node-datachannel');
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause);
    throw new LoadFailure(
      'unavailable',
      [
        `its participants need the npm package node-datachannel, which cannot be loaded here (${why}).`,
        'It is an optional dependency: install without --omit=optional, or add it beside Latchkey: npm install node-datachannel',
      ].join('\n'),
      { cause },
    );
  }
};
