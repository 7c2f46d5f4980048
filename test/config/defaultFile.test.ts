import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { isMap, isScalar, isSeq, parseDocument } from 'yaml';
import { defaultFile, loadConfig } from '../../src/config/load.ts';
import { packageFolder } from '../../src/config/package.ts';
import { settings } from '../../src/config/schema.ts';
import { defaultTimers, limits, timers } from '../../src/protocol/timers.ts';

interface Entry {
  readonly path: string;
  readonly comment: string;
}

/** Every setting of the file with the comment on its line. */
const entriesOf = (file: string): Entry[] => {
  const walk = (node: unknown, above: string): Entry[] => {
    if (isMap(node)) {
      return node.items.flatMap(({ key, value }) => walk(value, `${above}${above && '.'}${String(key)}`));
    }
    return [{ path: above, comment: ((isScalar(node) || isSeq(node)) && node.comment) || '' }];
  };
  return walk(parseDocument(readFileSync(file, 'utf8')).contents, '');
};

const paths = (entries: readonly { readonly path: string }[]): string[] =>
  entries.map(({ path }) => path).toSorted();

test('default.yaml holds every setting, and nothing else', () => {
  assert.ok(settings.length > 40);
  assert.deepEqual(paths(entriesOf(defaultFile)), paths(settings));
});

const units: readonly (readonly [ending: RegExp, unit: RegExp])[] = [
  [/Ms$/, /^ milliseconds/],
  [/Seconds$/, /^ seconds/],
  [/Days$/, /^ days/],
  [/Bytes$/, /^ bytes/],
  [/Bitrate(PerMeeting)?$/, /^ bits a second/],
  [/Load$/, /^ percent of /],
  [/(port|portBase)$/, /port/],
  [/(File|directory|workerBinary)$/, /^ path/],
  [/PerSecond$/, /a second/],
  [
    /(meetings|participantsPerMeeting|stagePerMeeting|joinsAtOnce|joinsWaiting|largeMeetings?|connections|workers|slots|consumersPerWorker|loudest|loudestFrom)$/,
    /^ number of /,
  ],
  [/(host|listenIp|announcedAddress)$/, /address/],
  [
    /(JoinPolicy|secret|level|pretty|pageOverLoopback|publicUrl|trustedProxies|urls)$/,
    /^ (text|word|true|URL|list)/,
  ],
];

test('default.yaml says of every setting what it is counted in', () => {
  for (const { path, comment } of entriesOf(defaultFile)) {
    const unit = units.find(([ending]) => ending.test(path))?.[1];
    assert.ok(unit !== undefined, `${path}: this test knows no unit for it`);
    assert.match(comment, unit, path);
  }
});

test("timers and limits begin with the protocol's defaults, each with the price of changing it", () => {
  const config = loadConfig();
  assert.deepEqual(config.timers, defaultTimers);
  assert.equal(config.limits.messagesPerSecond, limits.messagesPerSecond);
  assert.equal(config.limits.socketQueueBytes, limits.socketQueueBytes);
  const comments = new Map(entriesOf(defaultFile).map(({ path, comment }) => [path, comment]));
  for (const [name, { price }] of Object.entries(timers)) {
    assert.equal(comments.get(`timers.${name}`), ` milliseconds; ${price}`);
  }
});

test('the example for production is accepted as it is', () => {
  const config = loadConfig({ file: join(packageFolder, 'config', 'production.yaml') });
  assert.equal(config.http.port, 443);
  assert.equal(config.api.pageOverLoopback, false);
  assert.equal(config.timers.ackDeadlineMs, defaultTimers.ackDeadlineMs);
});
