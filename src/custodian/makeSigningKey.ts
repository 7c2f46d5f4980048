// Makes the signing key's file, whole or not at all, and never over one that somebody else just made. A program of its own, so that the
// key never stands in the memory of the process that serves the network.

import { generateKeyPairSync, randomBytes } from 'node:crypto';
import { closeSync, fsyncSync, linkSync, openSync, unlinkSync, writeSync } from 'node:fs';

const codeOf = (thrown: unknown): unknown => Reflect.get(Object(thrown), 'code');

const make = (path: string): void => {
  const draft = `${path}.${randomBytes(8).toString('hex')}`;
  const file = openSync(draft, 'wx', 0o600);
  try {
    try {
      const { privateKey } = generateKeyPairSync('ed25519');
      writeSync(file, privateKey.export({ type: 'pkcs8', format: 'pem' }));
      fsyncSync(file);
    } finally {
      closeSync(file);
    }
    linkSync(draft, path);
  } catch (thrown) {
    if (codeOf(thrown) !== 'EEXIST') throw thrown;
  } finally {
    unlinkSync(draft);
  }
};

const [, , path = ''] = process.argv;
try {
  make(path);
} catch (thrown) {
  process.stderr.write(`${String(codeOf(thrown))}\n`);
  process.exitCode = 1;
}
