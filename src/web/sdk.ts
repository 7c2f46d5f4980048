// The SDK as every page gets it: `/sdk/latchkey.js`, whose worker lies beside it. The page bundles no copy, so that what it
// runs is what everybody else runs, and a worker never is of another version than the module that starts it.

import type * as Sdk from '../client/browser/index.ts';
import type { JoinMeeting } from '../client/browser/api.ts';

const address = '/sdk/latchkey.js';
let loading: Promise<typeof Sdk> | null = null;

/** Fetches it once; again after a failure. @throws DOMException NetworkError */
export const loadSdk = (): Promise<typeof Sdk> => {
  loading ??= (import(/* @vite-ignore */ address) as Promise<typeof Sdk>).catch((cause: unknown) => {
    loading = null;
    throw new DOMException(String(cause), 'NetworkError');
  });
  return loading;
};

export const joinMeeting: JoinMeeting = async (options) => (await loadSdk()).joinMeeting(options);
