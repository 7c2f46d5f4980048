import assert from 'node:assert/strict';
import { test } from 'node:test';
import { sizeClassOf, sizeClasses } from '../../src/observe/sizeClass.ts';

test('a meeting is of the class that its name says, at both its ends', () => {
  for (const name of sizeClasses) {
    const [low = Number.NaN, high = low] = name.split(/[-+]/).map(Number);
    assert.equal(sizeClassOf(low), name);
    if (high >= low) assert.equal(sizeClassOf(high), name);
  }
  assert.equal(sizeClassOf(1_000_000), '1000+');
  assert.equal(sizeClassOf(0), null);
});

test('the classes leave no gap', () => {
  for (let participants = 1; participants <= 1_100; participants++) {
    assert.ok(sizeClassOf(participants) !== null, String(participants));
  }
  assert.deepEqual([...sizeClasses], ['1-9', '10-49', '50-199', '200-499', '500-999', '1000+']);
});
