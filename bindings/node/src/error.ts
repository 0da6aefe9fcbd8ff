// What went wrong, and what to do about it.

import { EMPTY, type ErrorDetails, readDetails } from './error-details.js';
import { error as c, type Pointer, statusName } from './functions.js';
import { Status, type Verdict } from './numbers.js';

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

/** What a call gives on a client that was closed. */
export function closedError(what = 'client'): CountersignError {
  return make({
    ...EMPTY,
    status: Status.closed,
    verdict: 'unexpected',
    kind: 'usage',
    message: `the ${what} was closed`,
    hint: `make a new ${what}, or close it later`,
  });
}

/** What a wrong argument gives that the library never sees. */
export function usageError(message: string, hint: string): CountersignError {
  const status = Status.badArgument;
  return make({ ...EMPTY, status, verdict: 'unexpected', kind: 'usage', message, hint });
}

/** The error of a failed call; its handle is freed. A status that is not known here is a failure all the same. */
export function takeError(status: number, pointer: Pointer): CountersignError {
  if (pointer === null) {
    const message = `the library failed with the status ${statusName(status)} (${status}) and without an error`;
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
 * What callbacks threw, by the status that they returned to the library for it, which the error has. The oldest go:
 * there are far more than calls under way, each of which has one cause at most.
 */
const causes = new Map<number, { thrown: unknown }>();
const MOST_CAUSES = 256;
let nextCause = 2;

/** Keeps what a callback threw; the callback returns this status. */
export function keepCause(thrown: unknown): number {
  const status = nextCause;
  nextCause = status < 0x7fff_ffff ? status + 1 : 2;
  causes.set(status, { thrown });
  const [oldest] = causes.keys();
  if (causes.size > MOST_CAUSES && oldest !== undefined) causes.delete(oldest);
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
