// The numbers of countersign.h, by the words of every language. test/header.test.mjs holds them against the header.

/** The ABI that this package was made for: major << 16 | minor. */
export const ABI_VERSION = 1;

/** Statuses that this package itself deals with. */
export const Status = { badArgument: 3, closed: 5, bufferTooSmall: 8, busy: 46 } as const;

export const VERDICTS = numbered({
  1: 'retry',
  2: 'reauthorize',
  3: 'fix_configuration',
  4: 'outcome_unknown',
  5: 'unexpected',
});

export const SOURCES = numbered({ 1: 'minted', 2: 'refreshed', 3: 'cache', 4: 'store' });

export const CHANGES = numbered({ 1: 'obtained', 2: 'rotated', 3: 'forgotten' });

export const REVOCATIONS = numbered({ 1: 'revoked', 2: 'not_offered', 3: 'nothing_held', 4: 'failed' });

export const LOG_LEVELS = numbered({ 1: 'error', 2: 'warn', 3: 'info', 4: 'debug' });

export const COUNTERS = { hits: 1, adopted: 2, minted: 3, refreshed: 4, waits: 5, failures: 6 } as const;

/** A table that may be asked for any number. */
function numbered<W extends string>(table: Record<number, W>): Readonly<Record<number, W>> {
  return Object.freeze(table);
}
