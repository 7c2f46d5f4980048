// `npm run bench`: makes ready what is missing, as `npm test` does, then measures. Arguments are passed on to test/bench/main.ts.

import { join } from 'node:path';
import { runInFront, runMain } from './command.mjs';
import { projectRoot } from './places.mjs';
import { environmentFor, prepare } from './prepare.mjs';
import { createReport } from './report.mjs';
import { ensureTestPackages } from './testPackages.mjs';

runMain(async () => {
  const report = createReport();
  const prepared = await prepare(projectRoot, report);
  const folders = await ensureTestPackages(report);
  const env = environmentFor(projectRoot, prepared);
  env['PATH'] = [env['PATH'], ...folders].join(':');
  const program = join(projectRoot, 'test', 'bench', 'main.ts');
  return await runInFront(prepared.node, [program, ...process.argv.slice(2)], { env });
});
