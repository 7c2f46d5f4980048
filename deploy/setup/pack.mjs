// `npm pack` and `npm publish` run this first: everything that is published and not in the repository, made afresh into dist/.

import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { ensureBundles } from './bundles.mjs';
import { run, runMain } from './command.mjs';
import { ensureNpmPackages } from './npmPackages.mjs';
import { findNode, projectRoot, requirePackage } from './places.mjs';
import { createReport } from './report.mjs';
import { vendorMediasoup } from './vendor.mjs';

runMain(async () => {
  const report = createReport();
  await ensureNpmPackages(projectRoot, report);
  // What an earlier version left behind must not be published.
  rmSync(join(projectRoot, 'dist'), { recursive: true, force: true });
  await report.step('JavaScript and types', 'dist/, compiled from src/', async () => {
    const tsc = join(requirePackage('typescript'), 'bin', 'tsc');
    for (const config of ['tsconfig.build.json', 'tsconfig.build.browser.json']) {
      await run(findNode(), [tsc, '-p', config], {
        cwd: projectRoot,
        next: ['Mend what the lines above name.'],
      });
    }
  });
  vendorMediasoup(projectRoot, join(projectRoot, 'dist', 'node_modules'));
  await ensureBundles(projectRoot, report);
});
