// Packages of Debian and Ubuntu. Nothing is asked, nothing is refreshed when everything is there.

import { outputOf, run } from './command.mjs';
import { SetupError } from './report.mjs';

/**
 * @typedef {object} SystemPackage
 * @property {string} name
 * @property {string} why What Latchkey does with it.
 */

/**
 * The versions of those of the named packages that are installed.
 * @param {readonly string[]} names
 * @returns {Map<string, string>}
 */
export function installedVersions(names) {
  const found = new Map();
  // dpkg-query ends with an error when it does not know one of the names, and lists the others all the same.
  const listed =
    outputOf('sh', [
      '-c',
      'dpkg-query -W -f "\\${Package} \\${Version} \\${db:Status-Status}\\n" "$@" || true',
      'sh',
      ...names,
    ]) ?? '';
  for (const line of listed.split('\n')) {
    const [name, version, status] = line.split(' ');
    if (name !== undefined && version !== undefined && status === 'installed') found.set(name, version);
  }
  return found;
}

/**
 * How apt-get can be run from here without asking anybody.
 * @returns {readonly string[] | null} What to put before `apt-get`; null when there is no way.
 */
export function aptPrefix() {
  if (outputOf('apt-get', ['--version']) === undefined) return null;
  if (process.getuid?.() === 0) return [];
  return outputOf('sudo', ['-n', 'true']) === undefined ? null : ['sudo', '-n'];
}

/** @param {readonly SystemPackage[]} packages */
export function missingOf(packages) {
  const installed = installedVersions(packages.map(({ name }) => name));
  return packages.filter(({ name }) => !installed.has(name));
}

/**
 * @param {readonly SystemPackage[]} packages
 * @param {string} purpose
 * @param {import('./report.mjs').Report} report
 * @param {() => readonly string[] | null} findPrefix
 */
export async function ensureSystemPackages(packages, purpose, report, findPrefix = aptPrefix) {
  const missing = missingOf(packages);
  if (missing.length === 0) return;
  const names = missing.map(({ name }) => name);
  const byHand = `apt-get update && apt-get install --no-install-recommends ${names.join(' ')}`;
  const prefix = findPrefix();
  if (prefix === null) {
    throw new SetupError(`${purpose} needs ${names.join(', ')}, and only root may install them.`, [
      'As root, run:',
      `  ${byHand}`,
      'and start again. (On a system without apt-get: install the same libraries by its own means.)',
    ]);
  }
  report.say(`${purpose} needs, from this system's packages (apt-get):`);
  for (const { name, why } of missing) report.say(`  ${name}: ${why}`);
  await report.step('system packages', names.join(' '), async (progress) => {
    await refreshPackageLists(prefix);
    await apt(prefix, ['install', '--yes', '--no-install-recommends', ...names], byHand, progress);
  });
}

// Once a run is enough; a fresh machine or container has no lists, and old ones name versions that are gone from the mirrors.
let refreshed = false;

/** @param {readonly string[]} prefix From `aptPrefix`. */
export async function refreshPackageLists(prefix) {
  if (refreshed) return;
  await apt(prefix, ['update'], 'apt-get update');
  refreshed = true;
}

/**
 * @param {readonly string[]} prefix
 * @param {readonly string[]} args
 * @param {string} byHand
 * @param {import('./report.mjs').Progress} [progress]
 */
async function apt(prefix, args, byHand, progress) {
  const [command, ...rest] = [
    ...prefix,
    'env',
    'DEBIAN_FRONTEND=noninteractive',
    'LC_ALL=C.UTF-8',
    'apt-get',
    '--quiet',
    // Somebody else's apt (unattended upgrades on a fresh machine) is waited for.
    '-o',
    'DPkg::Lock::Timeout=300',
    '-o',
    'Dpkg::Use-Pty=0',
    '-o',
    'Dpkg::Options::=--force-confold',
    '-o',
    'APT::Status-Fd=1',
    ...args,
  ];
  await run(/** @type {string} */ (command), rest, {
    next: ['As root, run it by hand to see more:', `  ${byHand}`],
    // Half a dpkg run leaves a system on which apt refuses to work: it is let finish.
    onSignal: () => process.stderr.write('latchkey: stopping when apt-get has finished its step\n'),
    onLine(line) {
      // `dlstatus:…:PERCENT:…` while downloading, `pmstatus:…:PERCENT:…` while installing; each runs from 0 to 100.
      const status = /^(dl|pm)status:.*?:([\d.]+):/.exec(line);
      if (status !== null) progress?.((status[1] === 'pm' ? 50 : 0) + Number(status[2]) / 2, 100);
    },
  });
}
