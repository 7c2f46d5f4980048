// What set-up decides and says before it does anything: what is missing, what is stale, what to do next.

import assert from 'node:assert/strict';
import { existsSync, mkdirSync, symlinkSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { suite, test } from 'node:test';
import { ensureSystemPackages } from '../../deploy/setup/apt.mjs';
import { ensureBundles, staleBundles } from '../../deploy/setup/bundles.mjs';
import { npmPackagesInstalled } from '../../deploy/setup/npmPackages.mjs';
import { findNode, findPackage, nodePackage, projectRoot } from '../../deploy/setup/places.mjs';
import { SetupError, createReport, reportFailure, seconds } from '../../deploy/setup/report.mjs';
import { testFiles } from '../../deploy/setup/testFiles.mjs';
import { folderFor, put } from './folder.ts';

/** Output that is kept. */
const recorder = (isTTY = false): { isTTY: boolean; text: string; write(text: string): void } => ({
  isTTY,
  text: '',
  write(text) {
    this.text += text;
  },
});

suite('a report', () => {
  test('says what and why before the work, and its time after', async () => {
    const output = recorder();
    await createReport(output).step('bricks', 'for the wall', async () => {
      assert.equal(output.text, 'latchkey: bricks: for the wall\n');
    });
    assert.match(output.text, /\nlatchkey: bricks: done in 0\.\d s\n$/);
  });
  test('shows progress in a few lines where lines cannot be overwritten', async () => {
    const output = recorder();
    await createReport(output).step('bricks', 'for the wall', async (progress) => {
      for (let done = 0; done <= 261; done += 1) progress(done, 261);
    });
    assert.equal(output.text.match(/ \d+ %/g)?.length, 10);
    assert.match(output.text, /bricks: 10 %\n.*bricks: 20 %\n/);
  });
  test('shows progress in one line on a terminal, and clears it when the work fails', async () => {
    const output = recorder(true);
    const work = createReport(output).step('bricks', 'for the wall', async (progress) => {
      progress(1, 3);
      progress(2, 3);
      throw new Error('no mortar');
    });
    await assert.rejects(work, { message: 'no mortar' });
    assert.deepEqual(output.text.split('\r\u001b[K').slice(1), [
      'latchkey: bricks: 33 %',
      'latchkey: bricks: 66 %',
      '',
    ]);
  });
  test('ends a failure with what to do next, and no stack', () => {
    const output = recorder();
    reportFailure(new SetupError('The wall fell.', ['Build it again.']), output);
    assert.equal(output.text, '\nlatchkey: The wall fell.\n\nWhat to do next:\n  Build it again.\n');
  });
  test('gives times as people do', () => {
    assert.deepEqual([seconds(940), seconds(59_949), seconds(237_000)], ['0.9 s', '59.9 s', '3 min 57 s']);
  });
});

suite('packages of the system', () => {
  const absent = [{ name: 'latchkey-no-such-package', why: 'a test' }];
  const base = { name: 'base-files', why: 'every Debian has it' };

  test('without root or sudo, the exact command is named and nothing is run', async () => {
    const output = recorder();
    await assert.rejects(
      ensureSystemPackages([...absent, base], 'The test', createReport(output), () => null),
      (error) => {
        assert.ok(error instanceof SetupError);
        assert.match(error.message, /^The test needs latchkey-no-such-package, and only root may install/);
        assert.ok(
          error.next.includes(
            '  apt-get update && apt-get install --no-install-recommends latchkey-no-such-package',
          ),
        );
        return true;
      },
    );
    assert.equal(output.text, '');
  });
  test('when all are there, nothing is asked, said or refreshed', async () => {
    const output = recorder();
    await ensureSystemPackages([base], 'The test', createReport(output), () =>
      assert.fail('looked for root'),
    );
    assert.equal(output.text, '');
  });
  test('are announced with their reasons, then installed without a question', async (t) => {
    const folder = folderFor(t);
    // Stands in for apt-get, and for apt-get alone: what it is told is what is looked at.
    put(
      folder,
      'apt-get',
      '#!/bin/sh\necho "$DEBIAN_FRONTEND $*"\necho pmstatus:dpkg:50.0:half\ncase "$*" in *install*) exit 100;; esac\n',
      0o755,
    );
    const output = recorder();
    const work = ensureSystemPackages(absent, 'The test', createReport(output), () => [
      'env',
      `PATH=${folder}:/usr/bin:/bin`,
    ]);
    await assert.rejects(work, (error) => {
      assert.ok(error instanceof SetupError);
      assert.match(error.message, /ended with code 100/);
      assert.match(
        error.message,
        /\| noninteractive .*install --yes --no-install-recommends latchkey-no-such-package/,
      );
      return true;
    });
    assert.match(output.text, /latchkey-no-such-package: a test\n/);
    assert.match(output.text, /system packages: 70 %/);
  });
});

suite('npm packages', () => {
  const lock = (version: string): string =>
    JSON.stringify({
      packages: {
        '': { version: '1.0.0' },
        'node_modules/a': { version, integrity: 'sha512-a' },
        'node_modules/only-elsewhere': { version: '1.0.0', optional: true },
      },
    });
  const installed = 'node_modules/.package-lock.json';

  test('count as installed when npm recorded what the lock file names', (t) => {
    assert.equal(
      npmPackagesInstalled(folderFor(t, { 'package-lock.json': lock('1.2.3'), [installed]: lock('1.2.3') })),
      true,
    );
  });
  test('do not when npm never came to its end, or recorded something else', (t) => {
    const none = folderFor(t, { 'package-lock.json': lock('1.2.3'), 'node_modules/a/package.json': '{}' });
    const other = folderFor(t, { 'package-lock.json': lock('1.2.3'), [installed]: lock('1.2.4') });
    const cut = folderFor(t, { 'package-lock.json': lock('1.2.3'), [installed]: lock('1.2.3').slice(0, 40) });
    assert.deepEqual([none, other, cut].map(npmPackagesInstalled), [false, false, false]);
  });
  test('without a lock file, set-up says so', (t) => {
    assert.throws(() => npmPackagesInstalled(folderFor(t)), {
      name: 'SetupError',
      message: /package-lock\.json/,
    });
  });
  test('include a Node that this machine runs', () => {
    assert.ok(existsSync(findNode()));
    assert.throws(() => findNode('/'), { name: 'SetupError', message: new RegExp(nodePackage) });
  });
});

suite('what browsers load', () => {
  test('is built when its configuration exists and its sources changed, not otherwise', async (t) => {
    const root = folderFor(t, {
      'src/web/vite.config.ts': '',
      'src/web/main.tsx': 'one',
      // Stands in for Vite: what is looked at is when it is called.
      'node_modules/vite/package.json': '{}',
      'node_modules/vite/bin/vite.js': `require('node:fs').mkdirSync('dist/web', { recursive: true }); require('node:fs').writeFileSync('dist/web/index.html', '')`,
    });
    mkdirSync(join(root, 'node_modules'), { recursive: true });
    symlinkSync(dirname(dirname(findNode())), join(root, 'node_modules', nodePackage));
    const stale = (): string[] => staleBundles(root).map(({ output }) => output);
    const silent = createReport({ write: () => undefined });

    assert.deepEqual(stale(), ['dist/web']);
    await ensureBundles(root, silent);
    assert.deepEqual(stale(), []);
    put(root, 'src/web/main.tsx', 'two');
    assert.deepEqual(stale(), ['dist/web']);
    put(root, 'src/web/main.tsx', 'one');
    assert.deepEqual(stale(), []);
    put(root, 'src/sframe/header.ts', 'imported by it');
    assert.deepEqual(stale(), ['dist/web']);
  });
});

suite('test files', () => {
  test('with browsers or real workers run alone, and all others together', (t) => {
    const root = folderFor(t, {
      'test/sframe/header.test.ts': '',
      'test/browser/meeting.test.ts': '',
      'test/slow/pack.test.ts': '',
      'test/load/load.slow.test.ts': '',
      'test/browser/chromium.ts': '',
    });
    assert.deepEqual(testFiles(root, []), {
      together: ['test/sframe/header.test.ts'],
      alone: ['test/browser/meeting.test.ts', 'test/load/load.slow.test.ts', 'test/slow/pack.test.ts'],
    });
    assert.deepEqual(testFiles(root, ['test/sframe', 'pack']), {
      together: ['test/sframe/header.test.ts'],
      alone: ['test/slow/pack.test.ts'],
    });
  });
  test('of this project are found, this one among them', () => {
    assert.ok(testFiles(projectRoot, []).together.includes('test/deploy/setup.test.ts'));
    assert.equal(findPackage('no-such-package'), undefined);
  });
});
