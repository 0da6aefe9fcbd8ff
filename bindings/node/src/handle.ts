// What holds an object of the library: freed when it is closed or collected, and no call is inside any more.

import { freeOnPool } from './call.js';
import type { Callback } from './callbacks.js';
import { closedError } from './error.js';
import { endWithoutWaiting } from './exit.js';
import type { Pointer } from './functions.js';
import type { Native } from './koffi.js';

/** An object of the library, with the calls that are inside it. */
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
   * @param owner  the object that the program holds: when it is collected, the handle is closed.
   * @param what   what it is, for the error after it was closed.
   * @param free   the library's function that frees it.
   * @param callbacks  what the library calls for it, let go of when it is freed.
   * @param settle  what is waited for before it is freed.
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

  /** Runs a call that ends later; the object is not freed before that. */
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
    const free = async () => {
      await this.#settle(pointer);
      await freeOnPool(this.#free, pointer);
    };
    void amidCallbacks(this.#callbacks, free).finally(() => {
      for (const callback of this.#callbacks) callback.forget();
      this.#freed.resolve();
    });
  }

  /** Resolves when it is freed: after {@link close}, and when the calls inside have ended. */
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

/** Calls under way that the library may call back for. */
let inside = 0;

/** Runs calls of the library that may need callbacks to end. */
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
