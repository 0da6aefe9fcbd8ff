// Owns an object of the addon. It is freed when it is closed or collected, and no call is in
// progress.

import { closedError } from './error.js';

/** An object of the addon, and its calls in progress. */
export class Handle<N extends object> {
  readonly #native: N;
  readonly #what: string;
  readonly #free: (native: N) => Failure | Promise<Failure>;
  #uses = 0;
  #closed = false;
  #resolve: (failure: Failure | Promise<Failure>) => void = () => {};
  /**
   * Resolves when the object is freed: after {@link close}, when calls in progress have ended. The
   * value is what `free` returned.
   */
  readonly freed = new Promise<Failure>((resolve) => {
    this.#resolve = resolve;
  });

  /**
   * @param owner  the object that the program holds. When it is collected, the handle is closed.
   * @param what   the object's name, for errors after it was closed.
   * @param free   frees the object, and returns what was lost with it. It must not throw.
   */
  constructor(owner: object, native: N, what: string, free: (native: N) => Failure | Promise<Failure>) {
    this.#native = native;
    this.#what = what;
    this.#free = free;
    collected.register(owner, this as unknown as Handle<object>, this);
  }

  /** Runs an asynchronous call, during which the object is not freed. */
  async use<T>(body: (native: N) => Promise<T>): Promise<T> {
    const native = this.open();
    this.#uses += 1;
    try {
      return await body(native);
    } finally {
      this.#uses -= 1;
      this.#freeIfIdle();
    }
  }

  /** Returns the object, for a synchronous call. */
  open(): N {
    if (this.#closed) throw closedError(this.#what);
    return this.#native;
  }

  get closed(): boolean {
    return this.#closed;
  }

  /**
   * Closes the handle: later calls fail, and the object is freed when the last call has ended.
   * Returns whether the handle was open.
   */
  close(): boolean {
    if (this.#closed) return false;
    this.#closed = true;
    collected.unregister(this);
    this.#freeIfIdle();
    return true;
  }

  #freeIfIdle(): void {
    if (!this.#closed || this.#uses > 0) return;
    this.#resolve(this.#free(this.#native));
  }
}

/** Why something was lost with an object that was freed. */
export type Failure = Error | undefined;

/** Emits a failure that no caller waits for as a warning of the process. */
export function warn(failure: Failure): void {
  if (failure) process.emitWarning(failure);
}

const collected = new FinalizationRegistry((handle: Handle<object>) => {
  handle.close();
  void handle.freed.then(warn);
});
