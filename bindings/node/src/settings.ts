// The settings of a connection. Their names are the same in every language.

import { addon } from './addon.js';
import type { KnownSettings, SettingValue } from './known-settings.js';

/** The names of the settings that a vendor or an authorization request adds. */
type OtherName = `extra.${string}` | `authorize.${string}`;

/** The name of a setting. */
export type SettingName = keyof KnownSettings | OtherName;

/**
 * Settings by name. `undefined` leaves a setting unchanged. `null` removes a setting of the file;
 * for a secret K, also K_file and K_env.
 */
export type Settings = KnownSettings & { [K in OtherName]?: SettingValue };

/** Describes a setting. */
export interface SettingInfo {
  name: string;
  secret: boolean;
  about: string;
}

/**
 * Returns all settings. Vendors have additional settings, `extra.NAME`: see
 * {@link Registry.providers}.
 */
export function settings(): SettingInfo[] {
  return JSON.parse(addon.settings());
}
