// The library's errors.

import { EMPTY, type ErrorDetails, readDetails } from './error-details.js';
import { error as c, type Pointer, statusName } from './functions.js';
import { Status, type Verdict } from './numbers.js';

/** The base class of the library's errors. The subclasses are the verdicts: what to do. */
export class CountersignError extends Error implements ErrorDetails {
  readonly status!: number;
  /** The name of the status, such as `CONSENT_REQUIRED`. */
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

/** Try again, after the wait that the error gives, if any: `retryAfterS`. */
export class RetryError extends CountersignError {}

/** A person must act, at the error's URL if it has one: `url`. */
export class ReauthorizeError extends CountersignError {}

/** A setting is wrong, here or at the vendor; the message names it. */
export class FixConfigurationError extends CountersignError {}

/** The server may have rotated the refresh token; nothing was sent twice. */
export class OutcomeUnknownError extends CountersignError {}

/** An unreadable response, a signature that does not verify, a wrong call, or a bug. */
export class UnexpectedError extends CountersignError {}

/** Returns the error of a call on a closed object. */
export function closedError(what = 'client'): CountersignError {
  return make({
    ...EMPTY,
    status: Status.closed,
    verdict: 'unexpected',
    kind: 'usage',
    message: `the ${what} was closed`,
    hint: `create a new ${what}, or close it later`,
  });
}

/** Returns the error for a wrong argument that this package detects. */
export function usageError(message: string, hint: string): CountersignError {
  const status = Status.badArgument;
  return make({ ...EMPTY, status, verdict: 'unexpected', kind: 'usage', message, hint });
}

/** Returns the error of a failed call and frees its handle. Unknown statuses are failures, too. */
export function takeError(status: number, pointer: Pointer): CountersignError {
  if (pointer === null) {
    const message = `the library failed with ${statusName(status)} (${status}) and no further information`;
    return make({ ...EMPTY, status, verdict: 'unexpected', kind: 'internal', message });
  }
  try {
    const cause = causes.get(c.callbackStatus(pointer));
    return make(readDetails(pointer), cause && { cause: cause.thrown });
  } finally {
    c.free(pointer);
  }
}

/**
 * What callbacks threw, by the status that they returned to the library, which the error contains.
 * The oldest are dropped: the limit is far above the number of concurrent calls, each of which has
 * at most one cause.
 */
const causes = new Map<number, { thrown: unknown }>();
const MAX_CAUSES = 256;
let nextCause = 2;

/** Stores what a callback threw, and returns the status for the callback to return. */
export function keepCause(thrown: unknown): number {
  const status = nextCause;
  nextCause = status < 0x7fff_ffff ? status + 1 : 2;
  causes.set(status, { thrown });
  const [oldest] = causes.keys();
  if (causes.size > MAX_CAUSES && oldest !== undefined) causes.delete(oldest);
  return status;
}

function make(details: ErrorDetails, options?: ErrorOptions): CountersignError {
  return new CLASSES[details.verdict](details, options);
}

const CLASSES = {
  retry: RetryError,
  reauthorize: ReauthorizeError,
  fix_configuration: FixConfigurationError,
  outcome_unknown: OutcomeUnknownError,
  unexpected: UnexpectedError,
};
