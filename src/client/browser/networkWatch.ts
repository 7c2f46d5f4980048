// Tells when this device may be on another network than before.

/** What of `navigator.connection` is used, where a browser has it (Network Information API). */
interface NetworkInformation {
  addEventListener(type: 'change', listener: () => void): void;
  removeEventListener(type: 'change', listener: () => void): void;
}

/** @returns a function that ends it. */
export const watchNetwork = (changed: () => void): (() => void) => {
  const { connection } = navigator as { readonly connection?: NetworkInformation };
  globalThis.addEventListener('online', changed);
  connection?.addEventListener('change', changed);
  return () => {
    globalThis.removeEventListener('online', changed);
    connection?.removeEventListener('change', changed);
  };
};
