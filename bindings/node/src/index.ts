// Gets access tokens for server-side integrations, and keeps them valid.

import { addon } from './addon.js';

export type { ChangeListener, Log, Open, Signer } from './callbacks.js';
export {
  Client,
  type ClientOptions,
  type Clock,
  type Event,
  type ForgetOptions,
  type Forgotten,
  type Identity,
  type LoadOptions,
  type LoginOptions,
  type StartLoginOptions,
} from './client.js';
export type { TokenMessage } from './diagnostics.js';
export {
  CountersignError,
  type ErrorCode,
  FixConfigurationError,
  OutcomeUnknownError,
  ReauthorizeError,
  RetryError,
  UnexpectedError,
  UsageError,
  VerificationError,
} from './error.js';
export type { ErrorDetails } from './error-details.js';
export { withToken } from './fetch.js';
export type { CallOptions } from './host.js';
export { type AlgorithmOptions, type CertificateInfo, Key, type KeyInfo, type SignOptions } from './key.js';
export { Login } from './login.js';
export { type ProviderInfo, Registry, type RegistryOptions } from './registry.js';
export { type SettingInfo, type SettingName, type Settings, settings } from './settings.js';
export { Token, type TokenOptions, type TokenSource } from './token.js';
export type {
  Change,
  ClientAuthentication,
  Counts,
  Environment,
  ErrorKind,
  EventKind,
  GrantType,
  LogLevel,
  Revocation,
  Source,
  Verdict,
} from './words.js';

/** Returns the version of the native addon, such as `0.1.0`. */
export function libraryVersion(): string {
  return addon.version();
}
