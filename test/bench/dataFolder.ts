// Imported before the server by what looks on at it: the server's data folder goes with the server, however the bench itself ended.

import { rmSync } from 'node:fs';

const folder = process.env['LATCHKEY_DATA_DIRECTORY'];

process.on('exit', () => {
  if (folder !== undefined) rmSync(folder, { recursive: true, force: true });
});
