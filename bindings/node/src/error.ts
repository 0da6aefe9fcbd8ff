// What went wrong, and what to do about it.

import { error as c, type Pointer, statusName } from './functions.js';

/** What to do about an error; the same words in every language. */
export type Verdict = 'retry' | 'reauthorize' | 'fix_configuration' | 'outcome_unknown' | 'unexpected';

/** What an error says. No secret is in it. */
export interface ErrorDetails {
  /** The number of the status, as countersign.h has it. */
  status: number;
  /** What to do about it. */
  verdict: Verdict;
  /** What happened, such as `consent_required`; `usage` where the call itself was wrong. */
  kind: string;
  /** One sentence on what happened. */
  message: string;
  /** One sentence on what to do about it. */
  hint: string | null;
  /** The setting to look at. */
  setting: string | null;
  /** The HTTP status of the answer; null where no server answered. */
  httpStatus: number | null;
  /** The server's `error` (RFC 6749 section 5.2). */
  oauthError: string | null;
  /** The server's `error_description`. */
  oauthDescription: string | null;
  /** How long to wait before trying again, in seconds. */
  retryAfterS: number | null;
  /** The consent or login URL that a person should open. */
  url: string | null;
  /** The vendor's trace id, for its support desk. */
  traceId: string | null;
  /** The provider that the error concerns. */
  provider: string | null;
}

/** The base of every error of the library; its subclasses are the verdicts. */
export class CountersignError extends Error implements ErrorDetails {
  readonly status!: number;
  /** The status as a word, such as `CONSENT_REQUIRED`. */
  readonly code: string;
  readonly verdict!: Verdict;
  readonly kind!: string;
  readonly hint!: string | null;
  readonly setting!: string | null;
  readonly httpStatus!: number | null;
  readonly oauthError!: string | null;
  readonly oauthDescription!: string | null;
  readonly retryAfterS!: number | null;
  readonly url!: string | null;
  readonly traceId!: string | null;
  readonly provider!: string | null;

  constructor(details: ErrorDetails, options?: ErrorOptions) {
    super(details.message, options);
    const { message: _, ...fields } = details;
    Object.assign(this, fields);
    this.name = new.target.name;
    this.code = statusName(details.status);
  }
}

/** Try again, after `retryAfterS` seconds where that is known. */
export class RetryError extends CountersignError {}

/** A person must act; `url` is the ready consent or login URL where one is known. */
export class ReauthorizeError extends CountersignError {}

/** A setting or the calling program is wrong; the message names it. */
export class FixConfigurationError extends CountersignError {}

/** The server may have rotated the refresh token; nothing was sent twice. */
export class OutcomeUnknownError extends CountersignError {}

/** An answer that could not be read, or a bug of the library. */
export class UnexpectedError extends CountersignError {}

/** What a call gives on a client that was closed. */
export function closedError(what = 'client'): CountersignError {
  return make({
    ...EMPTY,
    status: Status.closed,
    verdict: 'fix_configuration',
    kind: 'usage',
    message: `the ${what} was closed`,
    hint: `make a new ${what}, or close it later`,
  });
}

/** What a wrong argument gives that the library never sees. */
export function usageError(message: string, hint: string): CountersignError {
  const status = Status.badArgument;
  return make({ ...EMPTY, status, verdict: 'fix_configuration', kind: 'usage', message, hint });
}

/** Statuses that this package itself deals with. */
export const Status = { badArgument: 3, closed: 5, bufferTooSmall: 8, signing: 22 } as const;

/** The error of a failed call; its handle is freed. A status that is not known here is a failure all the same. */
export function takeError(status: number, pointer: Pointer, cause?: unknown): CountersignError {
  if (pointer === null) {
    const message = `the library failed with the status ${statusName(status)} (${status}) and without an error`;
    return make({ ...EMPTY, status, verdict: 'unexpected', kind: 'internal', message });
  }
  try {
    return make(read(pointer), cause === undefined ? undefined : { cause });
  } finally {
    c.free(pointer);
  }
}

function make(details: ErrorDetails, options?: ErrorOptions): CountersignError {
  return new CLASSES[details.verdict](details, options);
}

function read(pointer: Pointer): ErrorDetails {
  const retryAfterMs = Number(c.retryAfterMs(pointer));
  return {
    status: c.status(pointer),
    verdict: VERDICTS[c.verdict(pointer)] ?? 'unexpected',
    kind: c.kind(pointer, null) ?? 'internal',
    message: c.message(pointer, null) ?? 'the library gave no message',
    hint: c.hint(pointer, null),
    setting: c.setting(pointer, null),
    httpStatus: c.httpStatus(pointer) || null,
    oauthError: c.oauthError(pointer, null),
    oauthDescription: c.oauthDescription(pointer, null),
    retryAfterS: retryAfterMs < 0 ? null : retryAfterMs / 1000,
    url: c.url(pointer, null),
    traceId: c.traceId(pointer, null),
    provider: c.provider(pointer, null),
  };
}

const VERDICTS: Record<number, Verdict> = {
  1: 'retry',
  2: 'reauthorize',
  3: 'fix_configuration',
  4: 'outcome_unknown',
  5: 'unexpected',
};

const CLASSES = {
  retry: RetryError,
  reauthorize: ReauthorizeError,
  fix_configuration: FixConfigurationError,
  outcome_unknown: OutcomeUnknownError,
  unexpected: UnexpectedError,
};

const EMPTY = {
  hint: null,
  setting: null,
  httpStatus: null,
  oauthError: null,
  oauthDescription: null,
  retryAfterS: null,
  url: null,
  traceId: null,
  provider: null,
};
