// Finds libcountersign, loads it, and refuses one that does not fit.

import { existsSync } from 'node:fs';
import { join } from 'node:path';

import { koffi, type Library } from './koffi.js';
import { ABI_VERSION } from './numbers.js';

/** Loads the library: from $COUNTERSIGN_LIBRARY, from this package, or from where the system looks. */
export function loadLibrary(): Library {
  growStacks();
  const path = libraryPath();
  let library: Library;
  try {
    library = koffi.load(path);
  } catch (cause) {
    throw new Error(
      `countersign: the native library could not be loaded from ${path}: set COUNTERSIGN_LIBRARY to its path, ` +
        `or install the package for ${platform()}`,
      { cause },
    );
  }
  const version: number = library.func('uint32_t csign_abi_version(void)')();
  const unfit = misfit(version);
  if (unfit) throw new Error(`countersign: ${path} ${unfit}`);
  return library;
}

/**
 * What keeps a library of this ABI from being used; undefined where nothing does.
 *
 * @internal
 */
export function misfit(version: number, wanted = ABI_VERSION): string | undefined {
  const [major, minor] = [version >>> 16, version & 0xffff];
  const [wantedMajor, wantedMinor] = [wanted >>> 16, wanted & 0xffff];
  if (major === wantedMajor && minor >= wantedMinor) return undefined;
  return (
    `has ABI ${major}.${minor}, and this package needs ${wantedMajor}.${wantedMinor} or a later ` +
    `${wantedMajor}.x: install a library and a package of the same release`
  );
}

/**
 * koffi runs calls on stacks of its own, of 128 KiB each where nobody says otherwise: not enough for a TLS handshake.
 * Their memory is taken only as far as it is used.
 */
function growStacks(): void {
  if (koffi.config().async_stack_size >= STACK_SIZE) return;
  try {
    koffi.config({ async_stack_size: STACK_SIZE });
  } catch (cause) {
    throw new Error(
      'countersign: another module uses koffi already, with stacks too small for this library: load countersign ' +
        `before it, or have it call koffi.config({ async_stack_size: ${STACK_SIZE} }) first`,
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
