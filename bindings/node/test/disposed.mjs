// Disposes of objects at the end of a test, like `await using`, which not all supported versions
// have.

import { afterEach } from 'node:test';

const open = [];

/** Closes the object when the test ends. */
export function disposed(object) {
  open.push(object);
  return object;
}

afterEach(async () => {
  for (const object of open.splice(0))
    await (object[Symbol.asyncDispose] ?? object[Symbol.dispose]).call(object);
});
