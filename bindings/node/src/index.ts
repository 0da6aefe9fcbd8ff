// Gets access tokens for server-side integrations, and keeps them valid.

import { version as libraryVersionOf } from './functions.js';

export type { ChangeListener, Clock, Log, Open, Signer } from './callbacks.js';
export {
  Client,
  type Event,
  type ForgetOptions,
  type Forgotten,
  type LoginOptions,
  type TokenOptions,
} from './client.js';
export type { ClientOptions, LoadOptions } from './config.js';
export {
  CountersignError,
  FixConfigurationError,
  OutcomeUnknownError,
  ReauthorizeError,
  RetryError,
  UnexpectedError,
} from './error.js';
export type { ErrorDetails } from './error-details.js';
export { withToken } from './fetch.js';
export { Key, type KeyInfo, type SignOptions } from './key.js';
export { Login } from './login.js';
export type { Change, Counts, LogLevel, Revocation, Source, Verdict } from './numbers.js';
export { type ProviderInfo, Registry, type RegistryOptions } from './registry.js';
export { type SettingInfo, type SettingName, type Settings, settings } from './settings.js';
export { Token } from './token.js';

/** Returns the version of the loaded native library, such as `0.1.0`. */
export function libraryVersion(): string {
  return libraryVersionOf();
}
