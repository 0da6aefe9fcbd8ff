// Access tokens for server-side programs, got and kept valid.

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

/** The release of the native library that is running. */
export function libraryVersion(): string {
  return libraryVersionOf();
}
