// What the tests need of the system beside what the server needs.

import { existsSync, mkdtempSync, mkdirSync, readdirSync, renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { aptPrefix, ensureSystemPackages, refreshPackageLists } from './apt.mjs';
import { outputOf, run, withLock } from './command.mjs';
import { cacheFolder } from './places.mjs';
import { SetupError } from './report.mjs';

/** @type {readonly import('./apt.mjs').SystemPackage[]} */
export const testPackages = [
  { name: 'chromium', why: 'the browsers of the tests: real WebRTC, real encoded transforms' },
  {
    name: 'firefox-esr',
    why: 'the other engine: its encoded transforms, codecs and statistics are not those of Chromium',
  },
  { name: 'git', why: 'a test packs and installs a clean clone' },
];

/**
 * For tests that only root can run, and that others skip.
 * @type {readonly import('./apt.mjs').SystemPackage[]}
 */
export const rootTestPackages = [
  { name: 'iproute2', why: 'network namespaces that the tests make, and remove again' },
  { name: 'nftables', why: 'loses packets in those namespaces; no rule is made outside of them' },
];

/**
 * Programs that are taken out of a package instead of installing it: Debian's `prometheus` would start a server on the developer's
 * machine, and all that is wanted is its checker.
 * @type {readonly { program: string, name: string, why: string }[]}
 */
export const unpackedPrograms = [
  { program: 'promtool', name: 'prometheus', why: 'checks the metrics that the server exports' },
];

/**
 * @param {import('./report.mjs').Report} report
 * @returns {Promise<string[]>} Folders to put on the path.
 */
export async function ensureTestPackages(report) {
  const root = process.getuid?.() === 0 ? rootTestPackages : [];
  await ensureSystemPackages([...testPackages, ...root], 'The tests', report);
  const folders = [];
  for (const tool of unpackedPrograms) {
    if (outputOf('sh', ['-c', 'command -v "$1"', 'sh', tool.program]) !== undefined) continue;
    folders.push(join(await ensureUnpacked(tool, report), 'usr', 'bin'));
  }
  return folders;
}

/**
 * @param {{ program: string, name: string, why: string }} tool
 * @param {import('./report.mjs').Report} report
 */
async function ensureUnpacked({ program, name, why }, report) {
  const tools = join(cacheFolder(), 'tools');
  const folder = join(tools, name);
  if (existsSync(join(folder, 'usr', 'bin', program))) return folder;
  mkdirSync(tools, { recursive: true, mode: 0o700 });
  await withLock(
    join(tools, '.lock'),
    `unpacking ${program}`,
    () =>
      report.step(program, `out of the package ${name}, into ${folder} (not installed): ${why}`, async () => {
        const next = [`Install ${program} yourself (as root: apt-get install ${name}) and start again.`];
        if (outputOf('apt-get', ['--version']) === undefined)
          throw new SetupError(`${program} is not installed.`, next);
        const work = mkdtempSync(join(tools, '.unfinished-'));
        try {
          const prefix = aptPrefix();
          if (prefix !== null) await refreshPackageLists(prefix);
          await run('apt-get', ['--quiet', 'download', name], { cwd: work, next });
          const archive = readdirSync(work).find((file) => file.endsWith('.deb'));
          if (archive === undefined) throw new SetupError(`apt-get downloaded no ${name}.`, next);
          await run('dpkg-deb', ['--extract', archive, 'unpacked'], { cwd: work, next });
          rmSync(folder, { recursive: true, force: true });
          renameSync(join(work, 'unpacked'), folder);
        } finally {
          rmSync(work, { recursive: true, force: true });
        }
      }),
    report,
  );
  return folder;
}
