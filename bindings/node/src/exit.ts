// Ends the process while library calls wait for callbacks.

import { takeCoverage } from 'node:v8';
import { isMainThread } from 'node:worker_threads';

import { koffi } from './koffi.js';

/**
 * Makes `process.exit` or an uncaught error end the process at once if `waits` returns true, after
 * the other listeners of `exit`. Node itself would wait for libuv's threads, which wait for
 * callbacks that no event loop runs any more. If nothing waits, the process ends as it would
 * without this package. This is not possible in a worker.
 */
export function endWithoutWaiting(waits: () => boolean): void {
  if (!isMainThread || process.platform === 'win32') return;
  const exit = koffi.load(null).func('void _exit(int status)');
  const last = (code: number) => {
    if (!waits()) return;
    const listeners = process.rawListeners('exit');
    for (const listener of listeners.slice(listeners.indexOf(last) + 1)) listener.call(process, code);
    // Node would write the coverage at its own exit.
    if (process.env.NODE_V8_COVERAGE) takeCoverage();
    exit(Number(process.exitCode ?? code));
  };
  process.on('exit', last);
}
