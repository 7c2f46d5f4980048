// What set-up says: each step's content and reason before it starts, progress while it runs, its time when it ends.
// On stderr, so that what the program itself prints (and `npm pack --json`) stays alone on stdout.

/**
 * @typedef {object} Report
 * @property {(line: string) => void} say One line.
 * @property {<T>(name: string, why: string, work: (progress: Progress) => Promise<T>) => Promise<T>} step
 *
 * @typedef {(done: number, total: number) => void} Progress
 *
 * @typedef {object} Output
 * @property {boolean | undefined} [isTTY]
 * @property {(text: string) => unknown} write
 */

/** An error that tells a person what to do next. Set-up prints it without a stack. */
export class SetupError extends Error {
  /**
   * @param {string} message What went wrong.
   * @param {string[]} next What to do next, a line each.
   */
  constructor(message, next) {
    super(message);
    this.name = 'SetupError';
    this.next = next;
  }
}

// Where lines cannot be overwritten (CI), a line per this many per cent: enough to see life, few enough to read the rest.
const linePerCent = 10;

/**
 * @param {Output} output
 * @returns {Report}
 */
export function createReport(output = process.stderr) {
  const terminal = output.isTTY === true;
  /** @param {string} line */
  const say = (line) => void output.write(`latchkey: ${line}\n`);

  return {
    say,
    async step(name, why, work) {
      const started = performance.now();
      let shown = 0;
      say(`${name}: ${why}`);
      const result = await work((done, total) => {
        const percent = total > 0 ? Math.min(100, Math.floor((100 * done) / total)) : 0;
        if (terminal && percent !== shown) {
          output.write(`\r\u001b[Klatchkey: ${name}: ${percent} %`);
          shown = percent;
        } else if (!terminal && percent >= shown + linePerCent) {
          shown = percent - (percent % linePerCent);
          say(`${name}: ${shown} %`);
        }
      }).finally(() => {
        if (terminal && shown > 0) output.write('\r\u001b[K');
      });
      say(`${name}: done in ${seconds(performance.now() - started)}`);
      return result;
    },
  };
}

/** @param {number} ms */
export function seconds(ms) {
  return ms < 60_000
    ? `${(ms / 1000).toFixed(1)} s`
    : `${Math.floor(ms / 60_000)} min ${Math.round((ms % 60_000) / 1000)} s`;
}

/**
 * @param {unknown} error
 * @param {Output} output
 */
export function reportFailure(error, output = process.stderr) {
  if (error instanceof SetupError) {
    output.write(`\nlatchkey: ${error.message}\n`);
    if (error.next.length > 0)
      output.write(`\nWhat to do next:\n${error.next.map((line) => `  ${line}\n`).join('')}`);
  } else {
    output.write(`\nlatchkey: ${error instanceof Error ? error.stack : String(error)}\n`);
  }
}
