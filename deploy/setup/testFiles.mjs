// Which test files run, and which of them run alone.

import { join } from 'node:path';
import { filesBelow } from './places.mjs';

// Browsers, real workers and real media: beside others on two cores their timing is that of the neighbours.
const needsTheMachine =
  /^test\/(?:browser|memory|network|participant|slow)\/|^test\/web\/page\.|\.slow\.test\.ts$/;

/**
 * @param {string} root
 * @param {readonly string[]} filters Paths or parts of paths; none takes all.
 */
export function testFiles(root, filters) {
  const files = filesBelow(join(root, 'test'))
    .map((file) => file.slice(root.length + 1))
    .filter((file) => file.endsWith('.test.ts'))
    .filter((file) => filters.length === 0 || filters.some((filter) => file.includes(filter)));
  return {
    together: files.filter((file) => !needsTheMachine.test(file)),
    alone: files.filter((file) => needsTheMachine.test(file)),
  };
}
