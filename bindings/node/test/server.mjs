// A server that the tests send requests to.

import { createServer } from 'node:http';

/**
 * Listens on a free port of `host`, or of all addresses. `respond` gets each request (`url`,
 * `headers`, `body`) and returns the response's `status` and, for a redirect, its `location`, or a
 * promise of them with `json` as the body.
 */
export async function listen(respond, host) {
  const server = createServer(async (request, response) => {
    const chunks = [];
    for await (const chunk of request) chunks.push(chunk);
    const { url, headers } = request;
    const body = Buffer.concat(chunks).toString();
    const { status, location, json } = await respond({ url, headers, body });
    if (location) response.setHeader('location', location);
    if (json) response.setHeader('content-type', 'application/json');
    response.writeHead(status).end(json ? JSON.stringify(json) : 'body');
  });
  // Below the ports of outgoing connections, and another one for each test file's process.
  for (let port = 10_000 + (process.pid % 20_000); ; port++) {
    const bound = await new Promise((resolve) => {
      server.once('error', () => resolve(false));
      server.listen(port, host, () => resolve(true));
    });
    server.removeAllListeners('error');
    if (bound) return Object.assign(server, { port, url: `http://127.0.0.1:${port}` });
  }
}
