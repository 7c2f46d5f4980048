// Gives root up, for good, once everything that needs it is done: modules read, memory locked, signing key read. From then on the
// custodian can signal, trace and read nothing of anybody's, and the kernel lets nobody but root trace it or dump its memory: a process
// that changed its user is no longer dumpable (prctl(2), PR_SET_DUMPABLE).

/**
 * Stands between the ranges that distributions, systemd and containers give out (systemd's UIDS-GIDS.md: "unused"). No account has to
 * exist: the custodian owns no file.
 */
const ownId = 60_600;

/** The user as which this process goes on. Unchanged where it was not started as root, or the ids mean nothing here (a user namespace). */
export const leaveRoot = (): number => {
  const { getuid, setgroups, setgid, setuid } = process;
  if (getuid === undefined || setgroups === undefined || setgid === undefined || setuid === undefined)
    return -1;
  if (getuid() !== 0) return getuid();
  try {
    setgroups([]);
    setgid(ownId);
    setuid(ownId);
  } catch (thrown) {
    // Said in the ready message, and logged by whoever started us.
    if (!isRefusal(thrown)) throw thrown;
  }
  return getuid();
};

const isRefusal = (thrown: unknown): boolean => {
  const code: unknown = Reflect.get(Object(thrown), 'code');
  return code === 'EPERM' || code === 'EINVAL';
};
