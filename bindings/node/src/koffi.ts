// koffi, with types for the parts that are used. koffi's own types only support `import`.

/** A C function, called directly, or with `async` on a thread of libuv's pool. */
export interface Native {
  // biome-ignore lint/suspicious/noExplicitAny: only the declaration knows a C function's types.
  (...args: any[]): any;
  async(...args: unknown[]): void;
}

/** A loaded library. */
export interface Library {
  func(declaration: string): Native;
}

/** A C type. */
export interface Type {
  readonly name: string;
}

/** koffi's settings, which all of its users in a process share. */
interface Config {
  async_stack_size: number;
}

interface Koffi {
  config(): Config;
  config(change: Partial<Config>): Config;
  load(path: string | null): Library;
  proto(declaration: string): Type;
  pointer(to: Type): Type;
  register(run: (...args: never[]) => unknown, type: Type): bigint;
  decode(from: bigint | null, type: 'uint8_t', length: number): Uint8Array;
  encode(to: bigint | null, type: string, value: number | Uint8Array, length?: number): void;
}

export const koffi: Koffi = require('koffi');
