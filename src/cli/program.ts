// The commands of `latchkey`, their options and what `--help` says of them.

import { Command, CommanderError } from 'commander';
import { packageVersion } from '../config/package.ts';
import { exitCodes } from '../exitCodes.ts';

const examples = `
Examples:
  latchkey serve                                    on this machine alone, with nothing configured
  latchkey serve --config production.yaml           what differs from config/default.yaml
  LATCHKEY_HTTP_PORT=9000 latchkey serve            one setting, here http.port, by the environment

Exit codes:
  ${exitCodes.ok}          ended in order
  ${exitCodes.usage}         the command line has a mistake
  ${exitCodes.failed}         something failed on Latchkey's side
  ${exitCodes.misconfigured}         a setting or a file that it names is wrong
  128 + n    ended at once by a second signal n: 130 for Ctrl+C, 143 for SIGTERM`;

interface ServeOptions {
  readonly config?: string;
}

/** Runs what the arguments ask for; the exit code. */
export const run = async (args: readonly string[]): Promise<number> => {
  let code: number = exitCodes.ok;
  const program = new Command('latchkey')
    .description('A video-meeting server that mints, rotates and throws away the key of every meeting')
    .version(packageVersion, '--version', 'print the version')
    .helpOption('--help', 'print this help')
    .addHelpText('after', examples)
    .showHelpAfterError('(latchkey --help tells more)')
    .exitOverride();
  program
    .command('serve')
    .description('run the server until it is told to stop')
    .option('--config <file>', 'YAML settings over the defaults; else the file that LATCHKEY_CONFIG names')
    .helpOption('--help', 'print this help')
    .addHelpText('after', examples)
    .exitOverride()
    .action(async ({ config }: ServeOptions) => {
      // The whole server: not read for a mere --help.
      const { serve } = await import('../main.ts');
      code = await serve({ file: config });
    });
  try {
    await program.parseAsync(args, { from: 'user' });
  } catch (thrown) {
    // Commander has said what there is to say; help and version end without an error.
    if (thrown instanceof CommanderError) return thrown.exitCode === 0 ? exitCodes.ok : exitCodes.usage;
    throw thrown;
  }
  return code;
};
