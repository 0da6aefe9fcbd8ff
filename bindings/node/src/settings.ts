// The settings of a connection, by the names that are the same in every language.

import { callNow, takeText } from './call.js';
import { config as c, type Out } from './functions.js';

/** The settings that every provider has. A test compares them with those of the library. */
export const SETTING_NAMES = [
  'provider',
  'environment',
  'grant',
  'client_id',
  'client_secret',
  'client_auth',
  'basic_encoding',
  'private_key',
  'private_key_passphrase',
  'key_id',
  'algorithm',
  'subject',
  'audience',
  'scopes',
  'assertion_ttl_s',
  'redirect_uri',
  'refresh_token',
  'base_url',
  'token_url',
  'authorize_url',
  'issuer',
  'ca_file',
  'ca_only',
  'roots',
  'proxy',
  'timeout_ms',
  'min_valid_s',
  'assume_lifetime_s',
  'store',
  'store_create',
  'store_key',
] as const;

/** The settings that are secrets: each may also be given as `K_file` (a path) or `K_env` (a variable's name). */
export const SECRET_NAMES = [
  'client_secret',
  'private_key',
  'private_key_passphrase',
  'refresh_token',
  'store_key',
] as const;

type Secret = (typeof SECRET_NAMES)[number];

/** The name of a setting. */
export type SettingName =
  | (typeof SETTING_NAMES)[number]
  | `${Secret}_file`
  | `${Secret}_env`
  | `extra.${string}`
  | `authorize.${string}`;

/**
 * Settings by name. `undefined` leaves a setting as it is; `null` takes away what a file has, a secret in whichever
 * form it is there.
 */
export type Settings = { [K in SettingName]?: string | number | null | undefined };

/** What is known of a setting. */
export interface SettingInfo {
  name: string;
  secret: boolean;
  about: string;
}

/** Every setting there is; vendors have more, written `extra.NAME`: see {@link Registry.providers}. */
export function settings(): SettingInfo[] {
  const out: Out = [null];
  callNow(c.settings, out);
  return JSON.parse(takeText(out[0]));
}
