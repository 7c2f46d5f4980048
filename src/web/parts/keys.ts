// Keys for the whole page: M or Ctrl/⌘+D the microphone, V or Ctrl/⌘+E the camera, Page Up and Page Down turn the tiles, Escape closes a
// panel. Single letters only where nothing is being typed (WCAG 2.1.4: they do nothing outside a meeting).

import type { Call } from '../call/call.ts';
import type { Panel } from '../state/state.ts';
import type { Store } from '../state/store.ts';
import type { Kind } from '../words/deviceAdvice.ts';

const kinds: Record<string, Kind> = { m: 'microphone', v: 'camera' };
const kindsWithControl: Record<string, Kind> = { d: 'microphone', e: 'camera' };

const turns: Record<string, 1 | -1> = { PageUp: -1, PageDown: 1 };

const isTyping = (target: EventTarget | null): boolean =>
  target instanceof Element && target.closest('input, select, textarea, [contenteditable]') !== null;

const kindOf = (event: KeyboardEvent): Kind | undefined => {
  const key = event.key.toLowerCase();
  if (event.altKey || event.shiftKey) return undefined;
  if (event.ctrlKey || event.metaKey) return kindsWithControl[key];
  return isTyping(event.target) ? undefined : kinds[key];
};

/** In a panel the same keys scroll it. */
const turnOf = ({ key, target, altKey, shiftKey, ctrlKey, metaKey }: KeyboardEvent): 1 | -1 | undefined =>
  altKey || shiftKey || ctrlKey || metaKey || (target instanceof Element && target.closest('.panel') !== null)
    ? undefined
    : turns[key];

/** The button of the control bar that opens this panel: where focus returns to. */
export const openerId = (panel: Panel): string => `open-${panel}`;

export const closePanel = (store: Store): void => {
  const { panel } = store.state;
  if (panel === null) return;
  store.dispatch({ type: 'panel', panel: null });
  document.getElementById(openerId(panel))?.focus();
};

export const listenToKeys = (store: Store, call: Call): void => {
  document.addEventListener('keydown', (event) => {
    const { phase, role } = store.state;
    if (phase !== 'meeting' || event.repeat) return;
    if (event.key === 'Escape') {
      closePanel(store);
      return;
    }
    const by = turnOf(event);
    if (by !== undefined) store.dispatch({ type: 'turnPage', by });
    const kind = role === 'viewer' ? undefined : kindOf(event);
    if (kind === undefined) return;
    event.preventDefault();
    void call.toggle(kind);
  });
};
