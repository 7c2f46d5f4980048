// Wires the page: address, state, drawing, and what a person can do.

import { render } from 'preact';
import { App } from './app.tsx';
import { parseAddress } from './call/address.ts';
import { Call } from './call/call.ts';
import { createServer } from './call/server.ts';
import { listenToKeys } from './parts/keys.ts';
import { noDevicesAdvice } from './media/capture.ts';
import { rememberedName } from './media/remembered.ts';
import { joinMeeting, loadSdk } from './sdk.ts';
import { createStore } from './state/store.ts';
import { codeAdvice } from './words/advice.ts';
import type { Advice } from './words/advice.ts';

const root = document.getElementById('page');
if (root === null) throw new Error('index.html has no #page');

const nowhere: Advice = {
  title: 'There is nothing at this address',
  hint: 'Check the link, or start a new meeting.',
};

const store = createStore((state) => render(<App state={state} store={store} call={call} />, root));
const call = new Call(store, createServer(), joinMeeting);

const blockOf = (): Advice | null => {
  const insecure = noDevicesAdvice();
  if (insecure !== null) return insecure;
  return 'RTCRtpScriptTransform' in window ? null : (codeAdvice.media_unsupported ?? null);
};

/** A token leaves the address bar, and so the history, before anything else is done. */
const arrive = (): void => {
  const where = parseAddress(location.pathname, location.hash);
  if (where.kind === 'nowhere') store.dispatch({ type: 'blocked', advice: nowhere });
  else if (where.kind === 'new') call.arrive(null, null);
  else call.arrive(where.id, where.token);
};

store.dispatch({ type: 'named', name: rememberedName() });
arrive();
// An invitation opened in this tab for the meeting it already shows changes only the fragment.
window.addEventListener('hashchange', () => {
  if (store.state.phase === 'lobby') arrive();
  else history.replaceState(null, '', location.pathname);
});
window.addEventListener('pagehide', () => void call.leave());
listenToKeys(store, call);

const block = blockOf();
if (block !== null) store.dispatch({ type: 'blocked', advice: block });
if (store.state.blocked === null) {
  void call.openDevices();
  navigator.mediaDevices.addEventListener('devicechange', () => void call.refreshDevices());
  loadSdk().catch(() => undefined); // joining tries again, and says what is wrong
}
