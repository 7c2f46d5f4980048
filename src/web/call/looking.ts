// Tells the SDK which videos are looked at: the newest, at most once in `settleMs`, nothing while the page is hidden.

import type { Meeting, ViewedVideo } from '../../client/browser/api.ts';
import { isSameView } from '../layout/view.ts';

/** A window that is being resized changes every tile sixty times a second; a page that is turned may wait so long. */
const settleMs = 150;

export class Looking {
  readonly #meeting: Meeting;
  #seen: readonly ViewedVideo[] = [];
  /** null: nothing was told, and so everything is received. */
  #told: readonly ViewedVideo[] | null = null;
  #timer: ReturnType<typeof setTimeout> | undefined;
  readonly #turned = (): void => this.#tell();

  constructor(meeting: Meeting) {
    this.#meeting = meeting;
    document.addEventListener('visibilitychange', this.#turned);
  }

  see(videos: readonly ViewedVideo[]): void {
    if (this.#told !== null && isSameView(this.#seen, videos)) return;
    this.#seen = videos;
    if (this.#told === null) this.#tell();
    else this.#timer ??= setTimeout(() => this.#tell(), settleMs);
  }

  close(): void {
    clearTimeout(this.#timer);
    document.removeEventListener('visibilitychange', this.#turned);
  }

  #tell(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    const view = document.visibilityState === 'hidden' ? [] : this.#seen;
    if (this.#told !== null && isSameView(this.#told, view)) return;
    this.#told = view;
    this.#meeting.view(view);
  }
}
