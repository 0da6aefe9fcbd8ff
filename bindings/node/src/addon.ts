// Loads the native addon.

import type { Addon } from './native.js';

const platform = `${process.platform}-${process.arch}`;
const variant = process.platform === 'linux' ? `${platform}-gnu` : platform;

function load(): Addon {
  const path = process.env.COUNTERSIGN_ADDON || `@countersign/${variant}`;
  try {
    return require(path);
  } catch (cause) {
    throw new Error(
      `countersign: cannot load the native addon ${path}: install the package without ` +
        '--omit=optional, on one of the platforms that its README lists',
      { cause },
    );
  }
}

export const addon = load();
