// Packets that this process was too slow to take from its own UDP sockets: the last column of /proc/net/udp (proc(5)), of the sockets that
// are ours. The kernel forgets them with the socket, so whoever wants all looks now and then.

import { readdirSync, readFileSync, readlinkSync } from 'node:fs';

const tables = ['/proc/net/udp', '/proc/net/udp6'];

/** Inodes of all sockets that this process has open. */
const ownSockets = (): Set<string> => {
  const found = new Set<string>();
  for (const fd of readdirSync('/proc/self/fd')) {
    try {
      const inode = /^socket:\[(\d+)\]$/.exec(readlinkSync(`/proc/self/fd/${fd}`))?.[1];
      if (inode !== undefined) found.add(inode);
    } catch {
      // Closed while we looked, as the descriptor of the folder itself is.
    }
  }
  return found;
};

export class SocketDrops {
  /** By inode, the most that was seen. */
  #dropped = new Map<string, number>();
  /** Of sockets that are closed. */
  #before = 0;
  #readable = true;

  /** All until now; null where the system does not tell. */
  get count(): number | null {
    if (!this.#readable) return null;
    return this.#before + Array.from(this.#dropped.values()).reduce((sum, one) => sum + one, 0);
  }

  look(): void {
    if (!this.#readable) return;
    try {
      this.#read();
    } catch {
      // No such file here, or it is not ours to read.
      this.#readable = false;
    }
  }

  #read(): void {
    const own = ownSockets();
    const now = new Map<string, number>();
    for (const table of tables) {
      for (const line of readFileSync(table, 'utf8').split('\n')) {
        const columns = line.trim().split(/\s+/);
        const inode = columns[9];
        if (inode !== undefined && own.has(inode)) now.set(inode, Number(columns.at(-1)));
      }
    }
    for (const [inode, drops] of this.#dropped) if (!now.has(inode)) this.#before += drops;
    this.#dropped = now;
  }
}
