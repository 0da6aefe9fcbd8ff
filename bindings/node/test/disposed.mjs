// What a test closes at its end, as `using` does where JavaScript has it.

import { afterEach } from 'node:test';

const open = [];

/** Has this closed when the test ends. */
export function disposed(object) {
  open.push(object);
  return object;
}

afterEach(() => {
  for (const object of open.splice(0)) object[Symbol.dispose]();
});
