// mediasoup goes into the published package itself, with the packages it needs, below dist/node_modules (where dist/ finds it).
//
// As a dependency its install script would run wherever Latchkey is installed: it downloads a worker that Latchkey does not use, falls
// back to a build that downloads more, and where either is out of reach the whole `npm install` fails. A package cannot deny a
// dependency's script (`allowScripts` counts only in the project at the root), so what is published has none. It also keeps the
// worker's sources, the recipe for them and the JavaScript that talks to the worker at one version.

import { cpSync, existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import { requirePackage } from './places.mjs';
import { SetupError } from './report.mjs';

// Of mediasoup's folder: neither tests nor what its own build would fetch is of use.
const leftOut =
  /^worker\/(test|fuzzer|mocks|scripts|subprojects|out|prebuild|pip_[^/]*)(\/|$)|^node_modules(\/|$)/;

/**
 * @param {string} root
 * @param {string} into
 */
export function vendorMediasoup(root, into) {
  for (const [name, folder] of closureOf('mediasoup', root)) {
    const target = join(into, name);
    cpSync(folder, target, {
      recursive: true,
      filter: (path) => !leftOut.test(relative(folder, path)),
    });
    const manifest = join(target, 'package.json');
    const { scripts: _, devDependencies: __, ...rest } = JSON.parse(readFileSync(manifest, 'utf8'));
    writeFileSync(manifest, `${JSON.stringify(rest, null, 2)}\n`);
  }
}

/**
 * A package and all that it needs, by name.
 * @param {string} name
 * @param {string} from
 * @param {Map<string, string>} found
 */
function closureOf(name, from, found = new Map()) {
  const folder = requirePackage(name, from);
  const known = found.get(name);
  if (known !== undefined) {
    if (known === folder) return found;
    throw new SetupError(`Two versions of ${name} are needed below mediasoup (${known}, ${folder}).`, [
      'Copying them flat would lose one: deploy/setup/vendor.mjs must nest them.',
    ]);
  }
  found.set(name, folder);
  const { dependencies = {} } = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8'));
  for (const needed of Object.keys(dependencies)) closureOf(needed, folder, found);
  return found;
}

/**
 * The folder of mediasoup: npm's in a checkout, the one above in an installed package (beside which there may be another).
 * @param {string} root
 */
export function mediasoupFolder(root) {
  return requirePackage('mediasoup', existsSync(join(root, 'src')) ? root : join(root, 'dist'));
}
