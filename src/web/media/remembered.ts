// What the page remembers between visits: a name. No token, no secret, no meeting. Browsers that keep nothing are
// told apart from those that do by trying.

const nameKey = 'latchkey.name';

const storage = (): Storage | null => {
  try {
    return window.localStorage;
  } catch {
    return null; // blocked by the browser's settings
  }
};

export const rememberedName = (): string => storage()?.getItem(nameKey) ?? '';

export const rememberName = (name: string): void => {
  try {
    storage()?.setItem(nameKey, name);
  } catch (thrown) {
    if (!(thrown instanceof DOMException)) throw thrown; // full: the name is typed again next time
  }
};
