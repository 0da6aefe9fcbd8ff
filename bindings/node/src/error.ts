// The library's errors.

import type { ErrorDetails } from './error-details.js';
import { EMPTY } from './error-details.js';
import type { ErrorFields } from './native.js';
import type { ErrorKind, Verdict } from './words.js';

/** The kind of an error in upper case, or `CLOSED` for a call on a closed object. */
export type ErrorCode = Uppercase<ErrorKind> | 'CLOSED';

/** The base class of the library's errors. The subclasses are the verdicts: what to do. */
export class CountersignError extends Error implements ErrorDetails {
  readonly verdict!: Verdict;
  readonly kind!: ErrorKind;
  readonly hint!: string | null;
  readonly setting!: string | null;
  readonly httpStatus!: number | null;
  readonly oauthError!: string | null;
  readonly oauthDescription!: string | null;
  readonly retryAfterMs!: number | null;
  readonly url!: string | null;
  readonly traceId!: string | null;
  readonly provider!: string | null;
  /** The kind in upper case, such as `CONSENT_REQUIRED`; `CLOSED` if the object was closed. */
  readonly code: ErrorCode;

  constructor(details: ErrorDetails, options?: ErrorOptions & { code?: ErrorCode }) {
    super(details.message, options);
    const { message: _, ...fields } = details;
    Object.assign(this, fields);
    this.name = new.target.name;
    this.code = options?.code ?? (details.kind.toUpperCase() as Uppercase<ErrorKind>);
  }

  /** Whether to try again, after `retryAfterMs` if that is known. */
  get retryable(): boolean {
    return this.verdict === 'retry';
  }
}

/** Try again, after the wait that the error gives, if any: `retryAfterMs`. */
export class RetryError extends CountersignError {}

/** A person must act, at the error's URL if it has one: `url`. */
export class ReauthorizeError extends CountersignError {}

/** A setting is wrong, here or at the vendor; the message names it. */
export class FixConfigurationError extends CountersignError {}

/** The server may have rotated the refresh token; nothing was sent twice. */
export class OutcomeUnknownError extends CountersignError {}

/** An unreadable response, a signature that does not verify, a wrong call, or a bug. */
export class UnexpectedError extends CountersignError {}

/** The program used this package incorrectly, or a closed object. */
export class UsageError extends UnexpectedError {}

/** A signature or token is not valid. */
export class VerificationError extends UnexpectedError {}

/** Returns the error of a call on a closed object. */
export function closedError(what: string): UsageError {
  const details: ErrorDetails = {
    ...EMPTY,
    verdict: 'unexpected',
    kind: 'usage',
    message: `the ${what} was closed`,
    hint: `create a new ${what}, or close it later`,
  };
  return new UsageError(details, { code: 'CLOSED' });
}

/** Returns the error for a wrong argument. */
export function usageError(message: string, hint: string): UsageError {
  return new UsageError({ ...EMPTY, verdict: 'unexpected', kind: 'usage', message, hint });
}

/**
 * Calls a function of the addon. If an argument has another type than the function declares, the
 * addon's error shows its value, which may be a secret. This throws one without it.
 */
export function checked<T>(call: () => T): T {
  try {
    return call();
  } catch (thrown) {
    const { code, message } = thrown as NodeJS.ErrnoException;
    if (!code?.endsWith('Expected') && code !== 'InvalidArg') throw thrown;
    // ... on SignerFields.algorithm on ClientFields.signer
    const path = [...message.matchAll(/ on \w+Fields\.(\w+)/g)].map(([, field]) => field).reverse();
    const name = path.length > 0 ? `\`${path.join('.')}\`` : 'an argument';
    throw wrongType(name);
  }
}

/** Returns the error for an argument of another type than the package declares. */
export function wrongType(name: string): UsageError {
  return usageError(`${name} has the wrong type`, 'pass a value of the type that the package declares');
}

/** Returns the error of a failed call. */
export function toError({ cause, ...fields }: ErrorFields): CountersignError {
  const details = { ...EMPTY, ...fields } as ErrorDetails;
  const thrown = cause === undefined ? undefined : causes.get(cause);
  const options = thrown && { cause: thrown.value };
  if (details.kind === 'usage') return new UsageError(details, options);
  if (details.kind === 'verification') return new VerificationError(details, options);
  return new CLASSES[details.verdict](details, options);
}

/** What callbacks threw, by the numbers that the addon's errors have, as long as there are any. */
const causes = new Map<number, { value: unknown }>();
let nextCause = 1;

/** Holds what a callback threw, and returns its number. */
export function keepCause(value: unknown): number {
  const cause = nextCause++;
  causes.set(cause, { value });
  return cause;
}

export function forgetCause(cause: number): void {
  causes.delete(cause);
}

const CLASSES = {
  retry: RetryError,
  reauthorize: ReauthorizeError,
  fix_configuration: FixConfigurationError,
  outcome_unknown: OutcomeUnknownError,
  unexpected: UnexpectedError,
};
