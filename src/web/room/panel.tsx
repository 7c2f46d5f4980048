// A panel beside the stage, or over its lower part on a phone. Not modal: the meeting goes on, the keyboard is not held.

import type { ComponentChildren, JSX } from 'preact';
import { useLayoutEffect, useRef } from 'preact/hooks';
import { Icon } from '../parts/icons.tsx';
import { closePanel } from '../parts/keys.ts';
import type { Panel } from '../state/state.ts';
import type { Store } from '../state/store.ts';

interface PanelProps {
  readonly panel: Panel;
  readonly title: string;
  readonly store: Store;
  readonly open: boolean;
  readonly children: ComponentChildren;
}

export const PanelFrame = ({ panel, title, store, open, children }: PanelProps): JSX.Element => {
  const heading = useRef<HTMLHeadingElement>(null);
  useLayoutEffect(() => {
    if (open) heading.current?.focus();
  }, [open]);
  return (
    <aside class="panel" id={`panel-${panel}`} aria-labelledby={`panel-${panel}-title`} hidden={!open}>
      <header>
        <h2 id={`panel-${panel}-title`} ref={heading} tabIndex={-1}>
          {title}
        </h2>
        <button type="button" class="plain" aria-label={`Close: ${title}`} onClick={() => closePanel(store)}>
          <Icon name="close" />
        </button>
      </header>
      <div class="panel-body">{children}</div>
    </aside>
  );
};
