// How the process ends while a thread of the library may be waiting for a callback.

import { isMainThread } from 'node:worker_threads';

import { koffi } from './koffi.js';

/**
 * Has the process end at once, after its other listeners of `exit`, where `waits` says so. Node itself would wait for
 * the library's threads, which wait for callbacks that no event loop runs any more. In a worker this cannot be done.
 */
export function endWithoutWaiting(waits: () => boolean): void {
  if (!isMainThread || process.platform === 'win32') return;
  const exit = koffi.load(null).func('void _exit(int status)');
  const last = (code: number) => {
    if (!waits()) return;
    const listeners = process.rawListeners('exit');
    for (const listener of listeners.slice(listeners.indexOf(last) + 1)) listener.call(process, code);
    exit(Number(process.exitCode ?? code));
  };
  process.on('exit', last);
}
