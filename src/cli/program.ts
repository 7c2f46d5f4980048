// The commands of `latchkey`, their options and what `--help` says of them.

import { Command, CommanderError, InvalidArgumentError } from 'commander';
import { packageVersion } from '../config/package.ts';
import { exitCodes } from '../exitCodes.ts';
import { fromBase64Url } from '../protocol/bytes.ts';
import { lengths } from '../protocol/names.ts';

/** How a command may end, each code with its words. */
const exits = (meanings: { readonly [name in keyof typeof exitCodes]?: string }): string => {
  const rows = Object.entries(exitCodes).map(([name, code]) => [code, Reflect.get(meanings, name)] as const);
  const known = rows.filter(([, meaning]) => meaning !== undefined);
  return ['Exit codes:', ...known.map(([code, meaning]) => `  ${String(code).padEnd(9)}  ${meaning}`)].join(
    '\n',
  );
};

const common = {
  usage: 'the command line has a mistake',
  failed: "something failed on Latchkey's side",
  misconfigured: 'a setting or a file that it names is wrong',
};

const ofLedgers = {
  broken: 'the ledger was changed, cut within a line, or is none',
  noInput: 'the file cannot be read',
  unfinished: 'the ledger is sound and not closed: its meeting runs, or its end is missing',
};

const signals = '  128 + n    ended at once by a second signal n: 130 for Ctrl+C, 143 for SIGTERM';

const serving = `
Examples:
  latchkey serve                                    on this machine alone, with nothing configured
  latchkey serve --config production.yaml           what differs from config/default.yaml
  LATCHKEY_HTTP_PORT=9000 latchkey serve            one setting, here http.port, by the environment

${exits({ ok: 'ended in order', ...common })}
${signals}`;

const verifying = `
Examples:
  latchkey ledger verify meeting.jsonl              believes the key that the ledger itself names
  latchkey ledger verify --key KEY meeting.jsonl    KEY: signingKey of the server's /.well-known/latchkey.json
  curl -sf -H "Authorization: Bearer $SECRET" https://meet.example.org/v1/meetings/ID/ledger |
    latchkey ledger verify --key KEY -              of a meeting that runs, or of one that ended

${exits({ ok: 'the ledger is whole and closed', usage: common.usage, ...ofLedgers })}`;

const everything = `
Examples:
  latchkey serve --config production.yaml           what differs from config/default.yaml
  latchkey ledger verify --key KEY meeting.jsonl    was anything changed, cut or put in another order?
  latchkey serve --help, latchkey ledger verify --help

${exits({ ok: 'all went well', ...common, ...ofLedgers })}
${signals}`;

interface ServeOptions {
  readonly config?: string;
}

interface VerifyOptions {
  readonly key?: Uint8Array;
  readonly json?: true;
}

const parseKey = (text: string): Uint8Array => {
  const key = fromBase64Url(text);
  if (key?.length !== lengths.publicKey)
    throw new InvalidArgumentError('32 bytes as base64url were expected.');
  return key;
};

/** What every command has in common. */
const begin = (command: Command, description: string): Command =>
  command.description(description).helpOption('--help', 'print this help').exitOverride();

/** Runs what the arguments ask for; the exit code. */
export const run = async (args: readonly string[]): Promise<number> => {
  let code: number = exitCodes.ok;
  const program = begin(
    new Command('latchkey'),
    'A video-meeting server that mints, rotates and throws away the key of every meeting',
  )
    .version(packageVersion, '--version', 'print the version')
    .addHelpText('after', everything)
    .showHelpAfterError('(latchkey --help tells more)');
  begin(program.command('serve'), 'run the server until it is told to stop')
    .option('--config <file>', 'YAML settings over the defaults; else the file that LATCHKEY_CONFIG names')
    .addHelpText('after', serving)
    .action(async ({ config }: ServeOptions) => {
      // The whole server: not read for a mere --help.
      const { serve } = await import('../main.ts');
      code = await serve({ file: config });
    });
  const ledger = begin(program.command('ledger'), 'what was done with the keys of a meeting').helpCommand(
    false,
  );
  begin(ledger.command('verify'), 'find any change, cut or reordering of a ledger, and say where')
    .argument('<file>', 'the ledger; - for standard input')
    .option('--key <base64url>', "the server's signing key, from where you trust it", parseKey)
    .option('--json', 'print what was found as one JSON object')
    .addHelpText('after', verifying)
    .action(async (file: string, options: VerifyOptions) => {
      const { verifyLedgerFile } = await import('./ledgerVerify.ts');
      code = await verifyLedgerFile({ file, ...options });
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
