// How the process ends, for scripts and service managers.

/**
 * As in sysexits.h: EX_USAGE, EX_DATAERR, EX_NOINPUT, EX_UNAVAILABLE, EX_SOFTWARE for what we must mend, EX_TEMPFAIL for what is to be tried again later, EX_CONFIG
 * for what the operator can mend.
 */
export const exitCodes = {
  ok: 0,
  unmet: 1,
  usage: 64,
  broken: 65,
  noInput: 66,
  unavailable: 69,
  failed: 70,
  unfinished: 75,
  misconfigured: 78,
} as const;
