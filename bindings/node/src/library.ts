// Finds libcountersign, loads it, and rejects an incompatible one.

import { existsSync } from 'node:fs';
import { join } from 'node:path';

import { koffi, type Library } from './koffi.js';
import { ABI_VERSION } from './numbers.js';

/** Loads the library of $COUNTERSIGN_LIBRARY, the one in this package, or the system's. */
export function loadLibrary(): Library {
  growStacks();
  const path = libraryPath();
  let library: Library;
  try {
    library = koffi.load(path);
  } catch (cause) {
    throw new Error(
      `countersign: cannot load the native library ${path}: set COUNTERSIGN_LIBRARY to its path, ` +
        `or install the package for ${platform()}`,
      { cause },
    );
  }
  const version: number = library.func('uint32_t csign_abi_version(void)')();
  const problem = misfit(version);
  if (problem) throw new Error(`countersign: ${path} ${problem}`);
  return library;
}

/**
 * Returns why a library with this ABI is incompatible, or undefined if it is compatible.
 *
 * @internal
 */
export function misfit(version: number, wanted = ABI_VERSION): string | undefined {
  const [major, minor] = [version >>> 16, version & 0xffff];
  const [wantedMajor, wantedMinor] = [wanted >>> 16, wanted & 0xffff];
  if (major === wantedMajor && minor >= wantedMinor) return undefined;
  return (
    `has ABI ${major}.${minor}, but this package needs ${wantedMajor}.${wantedMinor} or a later ` +
    `${wantedMajor}.x: install the library and the package of the same release`
  );
}

/**
 * koffi runs calls on its own stacks. The default of 128 KiB is not enough for a TLS handshake.
 * Larger stacks only take memory as far as they are used.
 */
function growStacks(): void {
  if (koffi.config().async_stack_size >= STACK_SIZE) return;
  try {
    koffi.config({ async_stack_size: STACK_SIZE });
  } catch (cause) {
    throw new Error(
      'countersign: load countersign before other modules that use koffi, or call ' +
        `koffi.config({ async_stack_size: ${STACK_SIZE} }) first: koffi's stacks are too small`,
      { cause },
    );
  }
}

const STACK_SIZE = 2 * 1024 * 1024;

function libraryPath(): string {
  const named = process.env.COUNTERSIGN_LIBRARY;
  if (named) return named;
  const packaged = join(__dirname, '..', 'native', platform(), FILE);
  return existsSync(packaged) ? packaged : FILE;
}

const FILE =
  process.platform === 'darwin'
    ? 'libcountersign.0.dylib'
    : process.platform === 'win32'
      ? 'countersign.dll'
      : 'libcountersign.so.0';

function platform(): string {
  return `${process.platform}-${process.arch}`;
}
