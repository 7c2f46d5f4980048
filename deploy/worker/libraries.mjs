// What the recipe needs of the system: the libraries that the worker links, and the tools that build it.

import { installedVersions } from '../setup/apt.mjs';
import { outputOf } from '../setup/command.mjs';

/** @typedef {import('../setup/apt.mjs').SystemPackage} SystemPackage */

/**
 * Libraries whose version goes into the cache's key: after a security update of one of them the worker is built anew.
 * @type {readonly (SystemPackage & { module?: string, atLeast?: string })[]} `module`: its name for pkg-config.
 */
export const libraries = [
  {
    name: 'libssl-dev',
    module: 'openssl',
    atLeast: '3.0',
    why: 'DTLS, with the distribution’s security patches',
  },
  { name: 'libsrtp2-dev', module: 'libsrtp2', atLeast: '2.5', why: 'SRTP' },
  { name: 'libuv1-dev', module: 'libuv', atLeast: '1.40', why: 'sockets and timers of the worker' },
  { name: 'libabsl-dev', why: 'needed by its bandwidth estimation' },
  { name: 'libflatbuffers-dev', why: 'the messages between Node and the worker' },
];

/** @type {readonly SystemPackage[]} */
export const tools = [
  { name: 'g++', why: 'compiles the worker' },
  { name: 'cmake', why: 'reads the recipe' },
  { name: 'ninja-build', why: 'runs the recipe' },
  { name: 'pkg-config', why: 'finds the libraries' },
  { name: 'flatbuffers-compiler', why: 'generates the code of those messages' },
];

const programs = ['c++', 'cmake', 'ninja', 'pkg-config', 'flatc'];

/**
 * The installed version of each library, as the package manager names it (Debian's revision tells a patched one from its
 * predecessor; pkg-config's answer does not). Undefined when one is missing.
 * @returns {Record<string, string> | undefined}
 */
export function libraryVersions() {
  const installed = installedVersions(libraries.map(({ name }) => name));
  /** @type {Record<string, string>} */
  const versions = {};
  for (const { name, module } of libraries) {
    const version = installed.get(name) ?? (module === undefined ? undefined : moduleVersion(module));
    if (version !== undefined) versions[name] = version;
    // Outside Debian the two without a module are left to CMake to find.
    else if (module !== undefined || outputOf('dpkg-query', ['--version']) !== undefined) return undefined;
  }
  return versions;
}

/** What of the tools and libraries is missing or too old, each in a few words. */
export function shortcomings() {
  const missing = programs.filter(
    (program) => outputOf('sh', ['-c', 'command -v "$1"', 'sh', program]) === undefined,
  );
  if (missing.includes('pkg-config')) return missing;
  for (const { name, module, atLeast } of libraries) {
    if (module === undefined || atLeast === undefined) continue;
    if (outputOf('pkg-config', [`--atleast-version=${atLeast}`, module]) !== undefined) continue;
    const found = moduleVersion(module);
    missing.push(found === undefined ? name : `${name} ${atLeast} (here: ${found})`);
  }
  return missing;
}

/** @param {string} module */
function moduleVersion(module) {
  return outputOf('pkg-config', ['--modversion', module])?.trim();
}
