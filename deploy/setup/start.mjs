// `npm start`: makes ready what is missing, then runs the server under Node 26. Arguments are passed on to `latchkey serve`.

import { join } from 'node:path';
import { runInFront, runMain } from './command.mjs';
import { projectRoot } from './places.mjs';
import { environmentFor, prepare } from './prepare.mjs';
import { createReport } from './report.mjs';

runMain(async () => {
  const prepared = await prepare(projectRoot, createReport());
  const program = join(projectRoot, 'src', 'cli', 'main.ts');
  return await runInFront(prepared.node, [program, 'serve', ...process.argv.slice(2)], {
    env: environmentFor(projectRoot, prepared),
  });
});
