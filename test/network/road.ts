// A road of the kernel's own: two network namespaces, made for a test and removed with it. Packets from the participants' namespace pass
// through another that routes, and loses, before they reach this one's end of a veth pair.
//
//   this namespace   veth    routes, loses    veth   participants
//      10.213.n.1 ──────── 10.213.n.2 │ .5 ──────── 10.213.n.6
//
// Loss in the routing namespace's forward hook is loss on the way: a rule at the sender would be an error that its socket is told of.

import { spawnSync } from 'node:child_process';

const commandOf = (parts: readonly string[]): { ok: boolean; said: string } => {
  const [command = '', ...args] = parts;
  const { status, stderr, error } = spawnSync(command, args, { encoding: 'utf8' });
  return { ok: status === 0, said: `${parts.join(' ')}: ${error?.message ?? stderr.trim()}` };
};

/** @throws with what the command said. */
const run = (...parts: string[]): void => {
  const { ok, said } = commandOf(parts);
  if (!ok) throw new Error(said);
};

const prefix = 'lkroad';

/** Namespaces of test processes that were killed before they could remove them. */
const removeLeftBehind = (): void => {
  const { stdout } = spawnSync('ip', ['netns', 'list'], { encoding: 'utf8' });
  for (const [name, pid] of stdout.matchAll(new RegExp(`^${prefix}(\\d+)[rp]`, 'gm'))) {
    if (!isAlive(Number(pid))) commandOf(['ip', 'netns', 'delete', name]);
  }
};

const isAlive = (pid: number): boolean => {
  try {
    process.kill(pid, 0);
    return true;
  } catch (thrown) {
    return thrown instanceof Error && 'code' in thrown && thrown.code === 'EPERM';
  }
};

/** Why there can be no road here; null: there can. */
export const whyNoRoad = (): string | null => {
  if (process.getuid?.() !== 0) return 'only root may make network namespaces';
  for (const [command, flag] of [
    ['ip', '-V'],
    ['nft', '-v'],
  ] as const) {
    if (!commandOf([command, flag]).ok) return `${command} is not installed`;
  }
  const probe = `${prefix}${process.pid}r`;
  const made = commandOf(['ip', 'netns', 'add', probe]);
  if (!made.ok) return made.said;
  const ruled = commandOf(['ip', 'netns', 'exec', probe, 'nft', 'list ruleset']);
  commandOf(['ip', 'netns', 'delete', probe]);
  return ruled.ok ? null : ruled.said;
};

export class Road {
  /** This namespace's end. */
  readonly serverAddress: string;
  /** The other end. */
  readonly participantAddress: string;
  readonly #router: string;
  readonly #participants: string;
  readonly #onExit = (): void => this.remove();
  #removed = false;

  /** @throws with what a command said; nothing is left behind then. */
  constructor() {
    removeLeftBehind();
    const { pid } = process;
    const [router, participants] = [`${prefix}${pid}r`, `${prefix}${pid}p`];
    this.#router = router;
    this.#participants = participants;
    const net = `10.213.${pid % 256}`;
    this.serverAddress = `${net}.1`;
    this.participantAddress = `${net}.6`;
    // Whatever happens to the test, short of SIGKILL.
    process.on('exit', this.#onExit);
    try {
      this.#make(net, pid);
    } catch (cause) {
      this.remove();
      throw cause;
    }
  }

  #make(net: string, pid: number): void {
    const [router, participants] = [this.#router, this.#participants];
    const [a, b, c, d] = ['a', 'b', 'c', 'd'].map((end) => `lk${pid}${end}`);
    if (a === undefined || b === undefined || c === undefined || d === undefined) return;
    run('ip', 'netns', 'add', router);
    run('ip', 'netns', 'add', participants);
    run('ip', 'link', 'add', a, 'type', 'veth', 'peer', 'name', b, 'netns', router);
    run('ip', '-n', router, 'link', 'add', c, 'type', 'veth', 'peer', 'name', d, 'netns', participants);
    run('ip', 'address', 'add', `${net}.1/30`, 'dev', a);
    run('ip', '-n', router, 'address', 'add', `${net}.2/30`, 'dev', b);
    run('ip', '-n', router, 'address', 'add', `${net}.5/30`, 'dev', c);
    run('ip', '-n', participants, 'address', 'add', `${net}.6/30`, 'dev', d);
    run('ip', 'link', 'set', a, 'up');
    for (const link of [b, c]) run('ip', '-n', router, 'link', 'set', link, 'up');
    for (const link of [d, 'lo']) run('ip', '-n', participants, 'link', 'set', link, 'up');
    run('ip', 'route', 'add', `${net}.4/30`, 'via', `${net}.2`);
    run('ip', '-n', participants, 'route', 'add', 'default', 'via', `${net}.5`);
    run('ip', 'netns', 'exec', router, 'sh', '-c', 'echo 1 > /proc/sys/net/ipv4/ip_forward');
  }

  /** The command that runs this one at the other end. */
  at(...command: string[]): [string, ...string[]] {
    return ['ip', 'netns', 'exec', this.#participants, ...command];
  }

  /** Of each direction, 0 … 1; by the kernel's random numbers, which no seed decides. */
  lose(share: number): void {
    const nft = (...command: string[]): void => run('ip', 'netns', 'exec', this.#router, 'nft', ...command);
    nft('add', 'table', 'inet', 'road');
    nft('flush', 'table', 'inet', 'road');
    nft('add', 'chain', 'inet', 'road', 'passing', '{ type filter hook forward priority 0 ; }');
    const dropped = String(Math.round(share * 1_000));
    nft(
      'add',
      'rule',
      'inet',
      'road',
      'passing',
      'numgen',
      'random',
      'mod',
      '1000',
      '<',
      dropped,
      'counter',
      'drop',
    );
  }

  /** Packets that were lost so far. */
  get lost(): number {
    const { stdout } = spawnSync(
      'ip',
      ['netns', 'exec', this.#router, 'nft', 'list', 'table', 'inet', 'road'],
      {
        encoding: 'utf8',
      },
    );
    return Number(/counter packets (\d+)/.exec(stdout)?.[1] ?? 0);
  }

  remove(): void {
    if (this.#removed) return;
    this.#removed = true;
    process.off('exit', this.#onExit);
    // The links go with their namespaces, and this one's end with its peer.
    for (const name of [this.#participants, this.#router]) commandOf(['ip', 'netns', 'delete', name]);
  }
}
