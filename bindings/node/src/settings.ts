// The settings of a connection, by the names that are the same in every language.

import { callNow, takeText } from './call.js';
import { type Out, settings as settingsOf } from './functions.js';
import type { KnownSettings, SettingValue } from './known-settings.js';

/** The names of the settings that a vendor or an authorization request adds. */
type OtherName = `extra.${string}` | `authorize.${string}`;

/** The name of a setting. */
export type SettingName = keyof KnownSettings | OtherName;

/**
 * Settings by name. `undefined` leaves a setting as it is; `null` takes away what a file has, a secret in whichever
 * form it is there.
 */
export type Settings = KnownSettings & { [K in OtherName]?: SettingValue };

/** What is known of a setting. */
export interface SettingInfo {
  name: string;
  secret: boolean;
  about: string;
}

/** Every setting there is; vendors have more, written `extra.NAME`: see {@link Registry.providers}. */
export function settings(): SettingInfo[] {
  const out: Out = [null];
  callNow(settingsOf, out);
  return JSON.parse(takeText(out[0]));
}
