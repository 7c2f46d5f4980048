// What there is on one worker, counted as it comes and goes, and how the handshakes of its transports ended.

import type { Consumer, Producer, Router, WebRtcTransport } from 'mediasoup/types';

export interface Handshakes {
  dtlsConnected: number;
  dtlsFailed: number;
  /** Closed before it had ended. */
  dtlsAbandoned: number;
  iceConnected: number;
  iceDisconnected: number;
}

export interface CensusEvents {
  readonly handshakes: Handshakes;
  /** A person's, not a pipe's or a tap's. */
  readonly onProducer: (producer: Producer) => void;
  readonly onConsumer: (consumer: Consumer) => void;
}

export class WorkerCensus {
  routers = 0;
  transports = 0;
  producers = 0;
  consumers = 0;
  pipes = 0;
  readonly #events: CensusEvents;

  constructor(events: CensusEvents) {
    this.#events = events;
  }

  watch(router: Router): void {
    this.routers++;
    router.observer.once('close', () => this.routers--);
    router.observer.on('newtransport', (transport) => {
      if (transport.type === 'direct') return;
      if (transport.type === 'pipe') {
        transport.observer.on('newconsumer', (consumer) => this.#count('pipes', consumer));
        return;
      }
      this.#count('transports', transport);
      transport.observer.on('newproducer', (producer) => {
        this.#count('producers', producer);
        this.#events.onProducer(producer);
      });
      transport.observer.on('newconsumer', (consumer) => {
        this.#count('consumers', consumer);
        this.#events.onConsumer(consumer);
      });
      if (transport.type === 'webrtc') this.#shakeHands(transport as WebRtcTransport);
    });
  }

  #count(
    what: 'transports' | 'producers' | 'consumers' | 'pipes',
    one: { observer: { once(event: 'close', then: () => void): unknown } },
  ): void {
    this[what]++;
    one.observer.once('close', () => this[what]--);
  }

  #shakeHands(transport: WebRtcTransport): void {
    const { handshakes } = this.#events;
    transport.observer.on('dtlsstatechange', (state) => {
      if (state === 'connected') handshakes.dtlsConnected++;
      if (state === 'failed') handshakes.dtlsFailed++;
    });
    transport.observer.once('close', () => {
      if (transport.dtlsState === 'connecting') handshakes.dtlsAbandoned++;
    });
    transport.observer.on('icestatechange', (state) => {
      if (state === 'connected') handshakes.iceConnected++;
      if (state === 'disconnected') handshakes.iceDisconnected++;
    });
  }
}
