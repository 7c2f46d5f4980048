// From page to page of tiles.

import type { JSX } from 'preact';
import type { Props } from '../app.tsx';
import { Icon } from '../parts/icons.tsx';
import { sayPage } from '../words/stageWords.ts';

interface PagerProps {
  readonly page: number;
  readonly pages: number;
}

export const Pager = ({ page, pages, store }: PagerProps & Pick<Props, 'store'>): JSX.Element | null => {
  if (pages < 2) return null;
  return (
    <nav class="pager" aria-label="Pages of people">
      <button
        type="button"
        class="plain"
        aria-label="Page before"
        aria-keyshortcuts="PageUp"
        aria-disabled={page === 0}
        onClick={() => store.dispatch({ type: 'turnPage', by: -1 })}
      >
        <Icon name="previous" />
      </button>
      <span role="status" data-testid="page">
        {sayPage(page, pages)}
      </span>
      <button
        type="button"
        class="plain"
        aria-label="Next page"
        aria-keyshortcuts="PageDown"
        aria-disabled={page === pages - 1}
        onClick={() => store.dispatch({ type: 'turnPage', by: 1 })}
      >
        <Icon name="next" />
      </button>
    </nav>
  );
};
