// Where nothing can be done: an old browser, an unprotected page, an address that says nothing.

import type { JSX } from 'preact';
import { Mark } from '../parts/icons.tsx';
import type { Advice } from '../words/advice.ts';

export const Blocked = ({ advice }: { advice: Advice }): JSX.Element => (
  <main class="card-page">
    <div class="card" role="alert">
      <Mark />
      <h1>{advice.title}</h1>
      <p>{advice.hint}</p>
      <a class="button quiet" href="/">
        New meeting
      </a>
    </div>
  </main>
);
