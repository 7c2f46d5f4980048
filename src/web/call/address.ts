// What the page's address says: `/` starts a meeting, `/m/:id` joins one, and an invitation carries its token in the
// fragment, which browsers send to no server.

export type Where =
  | { readonly kind: 'new' }
  | { readonly kind: 'meeting'; readonly id: string; readonly token: string | null }
  | { readonly kind: 'nowhere' };

/** As in the protocol's identifiers, and only what needs no escaping. */
const meetingPath = /^\/m\/([A-Za-z0-9_-]{1,64})\/?$/;
const fragmentToken = /^[A-Za-z0-9_.-]{1,4096}$/;

export const parseAddress = (path: string, fragment: string): Where => {
  if (path === '/' || path === '/index.html') return { kind: 'new' };
  const id = meetingPath.exec(path)?.[1];
  if (id === undefined) return { kind: 'nowhere' };
  const token = new URLSearchParams(fragment.replace(/^#/, '')).get('token');
  return { kind: 'meeting', id, token: token !== null && fragmentToken.test(token) ? token : null };
};

export const meetingAddress = (id: string): string => `/m/${encodeURIComponent(id)}`;

export const invitationLink = (origin: string, id: string, token: string): string =>
  `${origin}${meetingAddress(id)}#token=${token}`;

/** What a token says of itself, to show it before joining. The server alone verifies it. */
const claimsOf = (token: string): object | null => {
  const [, payload] = token.split('.');
  if (payload === undefined) return null;
  try {
    const bytes = Uint8Array.from(atob(payload.replaceAll('-', '+').replaceAll('_', '/')), (char) =>
      char.charCodeAt(0),
    );
    const claims: unknown = JSON.parse(new TextDecoder().decode(bytes));
    return typeof claims === 'object' ? claims : null;
  } catch {
    return null; // not a JWT: joining will say so
  }
};

/** For whom it was made. */
export const nameInToken = (token: string): string | null => {
  const name: unknown = Reflect.get(claimsOf(token) ?? {}, 'name');
  return typeof name === 'string' && name !== '' ? name : null;
};

/** Whoever comes to watch is not asked for a camera. */
export const isToWatch = (token: string): boolean => Reflect.get(claimsOf(token) ?? {}, 'role') === 'viewer';
