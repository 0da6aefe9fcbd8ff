// Owns a library object. It is freed when it is closed or collected, and no call is in progress.

import { freeOnPool } from './call.js';
import type { Callback } from './callbacks.js';
import { closedError } from './error.js';
import { endWithoutWaiting } from './exit.js';
import type { Pointer } from './functions.js';
import type { Native } from './koffi.js';

/** A library object and its calls in progress. */
export class Handle {
  readonly #what: string;
  readonly #free: Native;
  readonly #callbacks: readonly Callback<unknown>[];
  readonly #settle: (pointer: Pointer) => Promise<void>;
  readonly #freed = promised();
  #pointer: Pointer;
  #uses = 0;
  #closed = false;

  /**
   * @param owner  the object that the program holds. When it is collected, the handle is closed.
   * @param what   the object's name, for errors after it was closed.
   * @param free   the library function that frees the object.
   * @param callbacks  the object's callbacks, which are released when it is freed.
   * @param settle  called and awaited before the object is freed.
   */
  constructor(
    owner: object,
    pointer: Pointer,
    what: string,
    free: Native,
    callbacks: readonly Callback<unknown>[] = [],
    settle: (pointer: Pointer) => Promise<void> = async () => {},
  ) {
    this.#pointer = pointer;
    this.#what = what;
    this.#free = free;
    this.#callbacks = callbacks;
    this.#settle = settle;
    collected.register(owner, this, this);
  }

  /** Runs an asynchronous call, during which the object is not freed. */
  async use<T>(body: (pointer: Pointer) => Promise<T>, callbacks = this.#callbacks): Promise<T> {
    const pointer = this.open();
    this.#uses += 1;
    try {
      return await amidCallbacks(callbacks, () => body(pointer));
    } finally {
      this.#uses -= 1;
      this.#freeIfIdle();
    }
  }

  /** Returns the pointer, for a synchronous call. */
  open(): Pointer {
    if (this.#closed) throw closedError(this.#what);
    return this.#pointer;
  }

  get closed(): boolean {
    return this.#closed;
  }

  /** Closes the handle: later calls fail, and the object is freed when the last call has ended. */
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
    // On the pool, because freeing may wipe, write and disconnect. It can't fail.
    const free = async () => {
      await this.#settle(pointer);
      await freeOnPool(this.#free, pointer);
    };
    void amidCallbacks(this.#callbacks, free).finally(() => {
      for (const callback of this.#callbacks) callback.forget();
      this.#freed.resolve();
    });
  }

  /** Resolves when the object is freed: after {@link close}, when calls in progress have ended. */
  get freed(): Promise<void> {
    return this.#freed.promise;
  }
}

function promised(): { promise: Promise<void>; resolve: () => void } {
  let resolve = () => {};
  const promise = new Promise<void>((done) => {
    resolve = done;
  });
  return { promise, resolve };
}

/** The number of calls in progress that may call callbacks. */
let inside = 0;

/** Runs library calls that may wait for callbacks. */
async function amidCallbacks<T>(callbacks: readonly unknown[], body: () => Promise<T>): Promise<T> {
  if (callbacks.length === 0) return body();
  inside += 1;
  try {
    return await body();
  } finally {
    inside -= 1;
  }
}

endWithoutWaiting(() => inside > 0);

const collected = new FinalizationRegistry((handle: Handle) => handle.close());
