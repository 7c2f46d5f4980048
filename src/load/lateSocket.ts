// A client that handles every message of its server late, as one on a bad network or a machine that is busy with something else. It is
// the whole process' WebSocket that is late: whoever is not to be stands in another one.

/** In their order, the end of the connection included. */
export const handleMessagesLate = (ms: number): void => {
  const Prompt = globalThis.WebSocket;
  globalThis.WebSocket = class extends Prompt {
    override addEventListener(...[type, listener, options]: Parameters<WebSocket['addEventListener']>): void {
      const late = type === 'message' || type === 'close';
      if (!late || typeof listener !== 'function') {
        super.addEventListener(type, listener, options);
        return;
      }
      // Timers of one length end in the order in which they began.
      super.addEventListener(type, (event) => void setTimeout(() => listener.call(this, event), ms), options);
    }
  };
};
