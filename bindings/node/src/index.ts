// Access tokens for server-side programs, got and kept valid.

import { version as libraryVersionOf } from './functions.js';

export type { Change, ChangeListener, Clock, Log, LogLevel, Open, Signer } from './callbacks.js';
export {
  Client,
  type Counts,
  type Event,
  type ForgetOptions,
  type Forgotten,
  type LoginOptions,
  type TokenOptions,
} from './client.js';
export type { ClientOptions, LoadOptions } from './config.js';
export {
  CountersignError,
  type ErrorDetails,
  FixConfigurationError,
  OutcomeUnknownError,
  ReauthorizeError,
  RetryError,
  UnexpectedError,
  type Verdict,
} from './error.js';
export { withToken } from './fetch.js';
export { Key, type KeyInfo, type SignOptions } from './key.js';
export { Login } from './login.js';
export { type ProviderInfo, Registry, type RegistryOptions } from './registry.js';
export { type SettingInfo, type SettingName, type Settings, settings } from './settings.js';
export { type Source, Token } from './token.js';

/** The release of the native library that is running. */
export function libraryVersion(): string {
  return libraryVersionOf();
}
