// How the process ends, for scripts and service managers.

/** As in sysexits.h: EX_USAGE, EX_SOFTWARE for what we must mend, EX_CONFIG for what the operator can. */
export const exitCodes = { ok: 0, usage: 64, failed: 70, misconfigured: 78 } as const;
