// The commands of `latchkey`, their options and what `--help` says of them.

import { Command, CommanderError, InvalidArgumentError, Option } from 'commander';
import { packageVersion } from '../config/package.ts';
import { exitCodes } from '../exitCodes.ts';
import { fromBase64Url } from '../protocol/bytes.ts';
import { lengths, meetingKinds } from '../protocol/names.ts';
import { parseExpectation } from '../load/expectations.ts';
import type { Expectation } from '../load/expectations.ts';
import { conflictIn, mostParticipants, videoProfiles } from '../load/options.ts';
import type { LoadOptions } from '../load/options.ts';
import { parseDuration, parseRate, parseShare, parseWholeNumber } from '../load/quantities.ts';

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

const ofLoads = {
  unmet: 'an expectation of a load was not met',
  unavailable: 'a server or package that is needed is not there',
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

const loading = `
Without --url it starts a server of its own on loopback, with Latchkey's defaults and what LATCHKEY_… sets, and ends it afterwards.
Each 250 participants have a process, as far as there are cores but one; the slow ones share another. Clocks of two machines must agree.

An expectation is a path in the JSON result, one of < <= > >= ==, and a value: with ms or s, with % of what it is a part of, or alone.

Examples:
  latchkey load --participants 500 --publishers 5 --kind broadcast --duration 60s
  latchkey load --participants 100 --churn 2/s --slow 1% --duration 30s --json result.json \\
    --expect 'joins.p99<5s' --expect 'packets.lost<0.1%' --expect 'frames.failed.badTag==0'
  latchkey load --url https://meet.example.org --secret-file api-secret --meeting ID --participants 200 --duration 10m

${exits({
  ok: 'it ran, and every expectation was met',
  unmet: 'an expectation was not met; standard error says which, and what it was instead',
  usage: common.usage,
  unavailable: 'the server, or the npm package node-datachannel, is not there',
  failed: 'a process of the load died, or something failed on our side',
  misconfigured: 'the secret is missing, or its file is wrong or can be read by others',
})}
  128 + n    ended by a signal n, in order by the first: 130 for Ctrl+C, 143 for SIGTERM`;

const everything = `
Examples:
  latchkey serve --config production.yaml           what differs from config/default.yaml
  latchkey ledger verify --key KEY meeting.jsonl    was anything changed, cut or put in another order?
  latchkey load --participants 100                  what this machine does with a meeting of a hundred
  latchkey serve --help, latchkey ledger verify --help, latchkey load --help

${exits({ ok: 'all went well', ...common, ...ofLedgers, ...ofLoads })}
${signals}`;

interface ServeOptions {
  readonly config?: string;
}

interface LoadArguments extends Omit<
  LoadOptions,
  'target' | 'durationMs' | 'expectations' | 'joinRate' | 'processes'
> {
  readonly duration: number;
  readonly joinRate?: number;
  readonly processes?: number;
  readonly expect: readonly Expectation[];
  readonly url?: string;
  readonly secretFile?: string;
  readonly meeting?: string;
  readonly json?: string;
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

/** With commander's own error around what the parser says. */
const by =
  <T>(parse: (text: string) => T) =>
  (text: string): T => {
    try {
      return parse(text);
    } catch (thrown) {
      if (thrown instanceof RangeError) throw new InvalidArgumentError(thrown.message);
      throw thrown;
    }
  };

/** Of the participants. */
const share = (flag: string, who: string, among: number, inWords: string): Option =>
  new Option(`${flag} <share>`, `share of those ${who}, as 10%`)
    .argParser(by(parseShare))
    .default(among, inWords);

const parseUrl = (text: string): string => {
  const url = URL.canParse(text) ? new URL(text) : null;
  if (url?.protocol === 'https:' || url?.protocol === 'http:') return text;
  throw new InvalidArgumentError('an http: or https: address was expected.');
};

/** What every command has in common. */
const begin = (command: Command, description: string): Command =>
  command.description(description).helpOption('--help', 'print this help').exitOverride();

/** Options that say nothing without another one. */
const loneIn = ({ url, secretFile, meeting }: LoadArguments): string | null => {
  if (url !== undefined) return null;
  if (secretFile !== undefined) return '--secret-file is for the server that --url names';
  return meeting === undefined ? null : '--meeting is of the server that --url names';
};

const addLoad = (program: Command, ends: (code: number) => void): void => {
  const command = begin(
    program.command('load'),
    'bring real participants into a meeting, and measure: ICE, DTLS-SRTP, keys, sealed media',
  );
  command
    .option('--participants <n>', 'how many', by(parseWholeNumber(1, mostParticipants)), 100)
    .option('--publishers <n>', 'how many of them send', by(parseWholeNumber(0, mostParticipants)), 5)
    .addOption(
      new Option('--kind <kind>', 'publishers and their audience, or all on the stage')
        .choices(meetingKinds)
        .default('broadcast'),
    )
    .addOption(
      new Option('--duration <time>', 'for how long, once everybody is there')
        .argParser(by(parseDuration))
        .default(60_000, '60s'),
    )
    .option('--join-rate <rate>', 'joins begun a second, as 100/s; else as fast as they come', by(parseRate))
    .addOption(
      new Option('--churn <rate>', 'how many leave, and as many come, as 2/s')
        .argParser(by(parseRate))
        .default(0, 'none'),
    )
    .addOption(share('--slow', 'who handle every message 4 s late', 0, 'none'))
    .addOption(share('--open-sample', 'who open what they receive; the others count packets', 1, '100%'))
    .addOption(
      new Option('--video <profile>', 'what the first publisher sends beside its voice, in bits a second')
        .choices(videoProfiles)
        .default('none'),
    )
    .addOption(share('--video-viewers', 'who receive the video', 0.1, '10%'))
    .option('--seed <n>', 'decides every choice', by(parseWholeNumber(0, 2 ** 32 - 1)), 1)
    .option('--processes <n>', 'of participants', by(parseWholeNumber(1, 64)))
    .option('--url <url>', 'a server that runs, instead of one of its own', parseUrl)
    .option('--secret-file <file>', 'its API secret; else LATCHKEY_API_SECRET')
    .option('--meeting <id>', 'a meeting that is there, instead of a new one')
    .option('--json <file>', 'write the result as JSON; - for standard output')
    .option(
      '--expect <condition>',
      "what must be true of the result, as 'joins.p99<5s'; several times",
      (text, before: readonly Expectation[]) => [...before, by(parseExpectation)(text)],
      [],
    )
    .addHelpText('after', loading)
    .action(async (given: LoadArguments) => {
      const { duration, joinRate, processes, expect, url, secretFile, meeting, json, ...shape } = given;
      const options = {
        ...shape,
        durationMs: duration,
        joinRate: joinRate ?? null,
        processes: processes ?? null,
        expectations: expect,
      };
      const mistake = loneIn(given) ?? conflictIn(options, meeting !== undefined);
      if (mistake !== null) command.error(`error: ${mistake}.`);
      const { load } = await import('./load.ts');
      const places = { url: url ?? null, secretFile: secretFile ?? null, meeting: meeting ?? null };
      ends(await load({ options, ...places, json: json ?? null }));
    });
};

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
  addLoad(program, (ended) => {
    code = ended;
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
