// Which tokens were used to join: each is, once. Remembered until the token expires or its meeting ends, whichever is first;
// never more than `mostSpent`, beyond which new ones are refused rather than old ones forgotten.

import { LatchkeyError } from '../protocol/errors.ts';

/** Some 100 bytes each: 25 MB. A day of tokens for 1,000 meetings of 250. */
export const mostSpent = 250_000;

export interface SpendableToken {
  readonly tokenId: string;
  readonly meeting: string;
  readonly expiresAtSeconds: number;
}

export class SpentTokens {
  readonly #most: number;
  /** meeting → token → expiry in seconds. */
  readonly #meetings = new Map<string, Map<string, number>>();
  #count = 0;
  #sweptAt = 0;

  constructor(most = mostSpent) {
    this.#most = most;
  }

  get count(): number {
    return this.#count;
  }

  /** @throws LatchkeyError `token_replayed`, `token_expired`, `rate_limited` */
  spend({ tokenId, meeting, expiresAtSeconds }: SpendableToken, nowSeconds: number): void {
    // Past its expiry it may have been forgotten: it must not be taken for a fresh one.
    if (expiresAtSeconds <= nowSeconds) throw new LatchkeyError('token_expired');
    if (this.#meetings.get(meeting)?.has(tokenId) === true) throw new LatchkeyError('token_replayed');
    if (this.#count >= this.#most) this.#sweep(nowSeconds);
    if (this.#count >= this.#most) {
      throw new LatchkeyError('rate_limited', 'more tokens are in use than this server can remember');
    }
    const spent = this.#meetings.get(meeting) ?? new Map<string, number>();
    this.#meetings.set(meeting, spent.set(tokenId, expiresAtSeconds));
    this.#count++;
  }

  forgetMeeting(meeting: string): void {
    this.#count -= this.#meetings.get(meeting)?.size ?? 0;
    this.#meetings.delete(meeting);
  }

  /** Once a second at most: a full memory must not make every join a walk through it. */
  #sweep(nowSeconds: number): void {
    if (nowSeconds === this.#sweptAt) return;
    this.#sweptAt = nowSeconds;
    for (const [meeting, spent] of this.#meetings) {
      for (const [tokenId, expiry] of spent) {
        if (expiry > nowSeconds) continue;
        spent.delete(tokenId);
        this.#count--;
      }
      if (spent.size === 0) this.#meetings.delete(meeting);
    }
  }
}
