// `latchkey …`: what the launcher starts.

import { run } from './program.ts';

process.exitCode = await run(process.argv.slice(2));
// Libraries may hold handles of their own; everything of ours is closed.
process.exit();
