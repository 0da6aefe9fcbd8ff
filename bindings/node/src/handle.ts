// What holds an object of the library: freed when it is closed or collected, and no call is inside any more.

import { freeOnPool } from './call.js';
import type { Callback } from './callbacks.js';
import { closedError } from './error.js';
import type { Pointer } from './functions.js';
import type { Native } from './koffi.js';

/** An object of the library, with the calls that are inside it. */
export class Handle {
  readonly #what: string;
  readonly #free: Native;
  readonly #callbacks: readonly Callback<unknown>[];
  #pointer: Pointer;
  #uses = 0;
  #closed = false;

  /**
   * @param owner  the object that the program holds: when it is collected, the handle is closed.
   * @param what   what it is, for the error after it was closed.
   * @param free   the library's function that frees it.
   * @param callbacks  what the library calls for it, let go of when it is freed.
   */
  constructor(
    owner: object,
    pointer: Pointer,
    what: string,
    free: Native,
    callbacks: readonly Callback<unknown>[] = [],
  ) {
    this.#pointer = pointer;
    this.#what = what;
    this.#free = free;
    this.#callbacks = callbacks;
    collected.register(owner, this, this);
  }

  /** Runs a call that ends later; the object is not freed before that. */
  async use<T>(body: (pointer: Pointer) => Promise<T>): Promise<T> {
    const pointer = this.open();
    this.#uses += 1;
    try {
      return await body(pointer);
    } finally {
      this.#uses -= 1;
      this.#freeIfIdle();
    }
  }

  /** The pointer, for a call that ends before anything else can happen. */
  open(): Pointer {
    if (this.#closed) throw closedError(this.#what);
    return this.#pointer;
  }

  get closed(): boolean {
    return this.#closed;
  }

  /** Later calls fail; the object is freed when the last one that is inside has ended. */
  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    collected.unregister(this);
    this.#freeIfIdle();
  }

  #freeIfIdle(): void {
    if (!this.#closed || this.#uses > 0 || this.#pointer === null) return;
    const pointer = this.#pointer;
    this.#pointer = null;
    // On the pool: freeing may wipe, write and disconnect. It has no way to fail.
    void freeOnPool(this.#free, pointer).finally(() => {
      for (const callback of this.#callbacks) callback.forget();
    });
  }
}

const collected = new FinalizationRegistry((handle: Handle) => handle.close());
