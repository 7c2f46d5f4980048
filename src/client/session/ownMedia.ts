// What this participant has at the server, as far as it knows: what it sends and what it receives. A resume names all of it, so that
// both ends agree again: what only the server knows is closed there, and what only this end knows is gone here.

import type { Answer, Ask, Method } from '../../protocol/signaling.ts';

/** What was this participant's, and is not there any more. */
export interface GoneMedia {
  readonly producers: readonly string[];
  readonly consumers: readonly { readonly consumerId: string; readonly producerId: string }[];
}

export class OwnMedia {
  readonly #producers = new Set<string>();
  /** Consumer → producer. */
  readonly #consumers = new Map<string, string>();

  get producers(): string[] {
    return [...this.#producers];
  }

  get consumers(): string[] {
    return [...this.#consumers.keys()];
  }

  /** Before it is sent: what is to be closed is not named by a resume, whether or not the server heard. */
  asks<M extends Method>(method: M, ask: Ask<M>): void {
    if (method === 'closeProducer') this.#producers.delete((ask as Ask<'closeProducer'>).producerId);
    else if (method === 'closeConsumer') this.#consumers.delete((ask as Ask<'closeConsumer'>).consumerId);
  }

  answered<M extends Method>(method: M, answer: Answer<M>): void {
    if (method === 'produce') this.#producers.add((answer as Answer<'produce'>).producerId);
    else if (method === 'consume') {
      const { consumerId, producerId } = answer as Answer<'consume'>;
      this.#consumers.set(consumerId, producerId);
    }
  }

  /** Its consumers end with it. */
  producerRemoved(producerId: string): void {
    for (const [consumer, of] of this.#consumers) if (of === producerId) this.#consumers.delete(consumer);
  }

  /** With the worker that it was on. */
  lose(): void {
    this.#producers.clear();
    this.#consumers.clear();
  }

  /** What of it was still here is answered. */
  remove({ producers, consumers }: Answer<'resume'>['gone']): GoneMedia {
    return {
      producers: producers.filter((producerId) => this.#producers.delete(producerId)),
      consumers: consumers.flatMap((consumerId) => {
        const producerId = this.#consumers.get(consumerId);
        this.#consumers.delete(consumerId);
        return producerId === undefined ? [] : [{ consumerId, producerId }];
      }),
    };
  }
}
