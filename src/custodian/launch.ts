// How the custodian's process is started: Node's permission model without network, written files, children or workers; only the
// modules it is made of may be read; no inspector, no core files, nothing inherited from our environment.

import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { existsSync, readFileSync, realpathSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

export interface LaunchSettings {
  /** PKCS#8 PEM of an Ed25519 key; made by `ensureSigningKey`. */
  readonly signingKeyFile: string;
  /** 32-byte keys that fit at most; about 2.4 for each participant, and 5.7 while everybody is admitted anew. */
  readonly slots: number;
}

/** As this file is: `.ts` in a checkout, `.js` as published. */
const ending = import.meta.url.slice(import.meta.url.lastIndexOf('.'));
const here = dirname(fileURLToPath(import.meta.url));
const main = join(here, `main${ending}`);

/** Folders of our own that the custodian is made of. */
const ownFolders = ['custodian', 'keys', 'protocol', 'sframe'];
const packages = ['sodium-native', 'zod'];

/** Where `name` is for whoever stands in `from`; null for what is not installed. */
const packageFolder = (name: string, from: string): string | null => {
  for (let folder = from; ; folder = dirname(folder)) {
    const candidate = join(folder, 'node_modules', name);
    if (existsSync(join(candidate, 'package.json'))) return candidate;
    if (folder === dirname(folder)) return null;
  }
};

const dependenciesOf = (folder: string): string[] => {
  const manifest: unknown = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8'));
  const listed: unknown = Reflect.get(Object(manifest), 'dependencies');
  return Object.keys(Object(listed));
};

/**
 * Folders of these packages and of all that they depend on: where they are found, and where they are, since a package manager may put
 * links in their place.
 */
const packageFolders = (names: readonly string[]): string[] => {
  const readable = new Set<string>();
  const visited = new Set<string>();
  const visit = (name: string, from: string): void => {
    const found = packageFolder(name, from);
    if (found === null) return;
    const folder = realpathSync(found);
    readable.add(found).add(folder);
    if (visited.has(folder)) return;
    visited.add(folder);
    for (const dependency of dependenciesOf(folder)) visit(dependency, folder);
  };
  for (const name of names) visit(name, here);
  return [...readable];
};

/** Everything that the custodian may read. */
export const readablePaths = (signingKeyFile: string): string[] => {
  const source = dirname(realpathSync(here));
  return [
    ...ownFolders.map((folder) => join(source, folder)),
    // Says that our files are modules.
    join(dirname(source), 'package.json'),
    ...packageFolders(packages),
    realpathSync(signingKeyFile),
    // How much memory is locked.
    '/proc/self/status',
    // sodium-native's loader looks whether this is Alpine before it chooses its binary.
    '/etc/alpine-release',
  ];
};

/** Node's flags, without the program: the tests put a program of theirs behind them. */
export const custodianFlags = (readable: readonly string[]): string[] => [
  '--permission',
  ...readable.map((path) => `--allow-fs-read=${path}`),
  '--allow-addons',
  '--disable-sigusr1',
  '--disable-proto=throw',
  '--disallow-code-generation-from-strings',
  '--no-warnings',
];

/**
 * The shell only sets the limits that Node cannot, and is gone before the program begins: no core file ever holds a key (a debugger's
 * or the system's collector would be handed none either, see ownUser.ts), and locked memory is not limited where it need not be.
 */
const limited = 'ulimit -c 0 && { ulimit -l unlimited 2>/dev/null || :; } && exec "$@"';

export const spawnLimited = (nodeArguments: readonly string[]): ChildProcess =>
  spawn('/bin/sh', ['-c', limited, 'sh', process.execPath, ...nodeArguments], {
    stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
    serialization: 'advanced',
    env: {},
    cwd: '/',
  });

export const launchCustodian = ({ signingKeyFile, slots }: LaunchSettings): ChildProcess => {
  const flags = custodianFlags(readablePaths(signingKeyFile));
  return spawnLimited([...flags, main, realpathSync(signingKeyFile), String(slots)]);
};
