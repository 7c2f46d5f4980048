// Being admitted anew over the connection that is open: a new ephemeral key, a new admission beside the one in use. Nothing else happens
// until the welcome comes. Asked for again meanwhile (a compromise during a renewal), it is done again with another key.

import { LatchkeyError } from '../../protocol/errors.ts';
import { toBase64Url } from '../../protocol/bytes.ts';
import type { KeyAgent } from './keyAgent.ts';

export interface ReadmissionEnds {
  readonly agent: Pick<KeyAgent, 'begin'>;
  /**
   * Asks the server, and calls `arrived` with the admission before anything that follows the answer is delivered. Does nothing while the
   * connection is lost: the server asks again once it has been resumed.
   */
  readonly request: (publicKey: string, arrived: (admission: string) => void) => Promise<void>;
  /** Resolves when the admission is held. */
  readonly admit: (admission: string) => Promise<void>;
  /** The server did not admit us, and asks again when it can. */
  readonly onRefused: (error: LatchkeyError) => void;
}

export class Readmission {
  readonly #ends: ReadmissionEnds;
  #wanted = false;
  #running = false;

  constructor(ends: ReadmissionEnds) {
    this.#ends = ends;
  }

  ask(): void {
    this.#wanted = true;
    if (!this.#running) void this.#run();
  }

  async #run(): Promise<void> {
    this.#running = true;
    try {
      while (this.#wanted) {
        this.#wanted = false;
        await this.#admitOnce();
      }
    } catch (thrown) {
      if (!(thrown instanceof LatchkeyError)) throw thrown;
      // Lost: asked for again after the resume. Closed: there is nobody to admit.
      if (thrown.code !== 'connection_lost' && thrown.code !== 'closed') this.#ends.onRefused(thrown);
    } finally {
      this.#running = false;
    }
    if (this.#wanted) this.ask();
  }

  async #admitOnce(): Promise<void> {
    const { publicKey } = await this.#ends.agent.begin();
    let admitted: Promise<void> = Promise.resolve();
    // The welcome may come in the same breath: the admission takes its place before it.
    await this.#ends.request(toBase64Url(publicKey), (admission) => {
      admitted = this.#ends.admit(admission);
    });
    // The next key pair takes this one's place only once this one has opened its admission.
    await admitted;
  }
}
