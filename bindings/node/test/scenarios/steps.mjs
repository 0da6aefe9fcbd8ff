// Implements each `do` of a scenario.

import assert from 'node:assert/strict';

import { withToken } from 'countersign';

import { until } from '../sandbox.mjs';
import { checkExtra, checkMembers, checkToken, expectError, expectToken } from './expect.mjs';

export const steps = {
  token: step(['min_valid_s', 'as'], (run, step) => {
    const options = step.min_valid_s === undefined ? {} : { minValidMs: 1000 * step.min_valid_s };
    return expectToken(run, step, () => run.client.token(options));
  }),

  refresh: step(['as'], (run, step) => expectToken(run, step, () => run.client.refresh())),

  login: step(['decision', 'as'], (run, step) =>
    expectToken(run, step, async () => {
      const login = await run.client.startLogin();
      const callback = await run.sandbox.decide(login.url, step.decision);
      assert.ok(callback.includes(login.state), `the login's state is not in ${callback}`);
      return run.client.completeLogin(login, callback);
    }),
  ),

  invalidate: step(['token'], (run, step) => run.client.invalidate(run.token(step.token))),

  identity: step([], (run, step) =>
    expectResult(step, ['extra'], async (expected) => {
      const identity = await run.client.identity();
      if (expected.extra) checkExtra(identity, expected.extra);
    }),
  ),

  forget: step(['force'], (run, step) =>
    expectResult(step, ['revocation'], async (expected) => {
      const { revocation } = await run.client.forget({ force: step.force ?? false });
      if (expected.revocation) assert.equal(revocation, expected.revocation);
    }),
  ),

  drain: step([], (run) => run.client.drain({ timeoutMs: 10_000 })),

  counts: step([], (run, step) =>
    expectResult(step, ['hits', 'adopted', 'minted', 'refreshed', 'waits', 'failures'], async (expected) => {
      const counts = run.client.counts();
      for (const [name, value] of Object.entries(expected)) assert.equal(counts[name], value, name);
    }),
  ),

  advance: step(['s'], async (run, step) => {
    run.offsetS += step.s;
    run.clock.advance(1000 * step.s);
    await run.sandbox.post('/_sandbox/clock', { offset_s: run.offsetS });
  }),

  sandbox: step(['post', 'body'], (run, step) => run.sandbox.post(step.post, step.body)),

  reopen: step([], async (run) => {
    await run.client.close();
    run.client = await run.newClient();
  }),

  threads: step(['count', 'as'], async (run, step) => {
    const expected = step.expect ?? {};
    const asked = Array.from({ length: step.count }, () => run.client.token());
    if (expected.error) {
      checkMembers('`expect`', expected, ['error']);
      await Promise.all(asked.map((token) => expectError(() => token, expected.error)));
      return;
    }
    const tokens = await Promise.all(asked);
    for (const token of tokens) {
      assert.ok(token.accessToken === tokens[0].accessToken, 'not all got the same token');
      checkToken(run, token, expected);
    }
    if (step.as) run.tokens.set(step.as, tokens[0].accessToken);
  }),

  cancel: step([], async (run) => {
    const before = (await run.sandbox.log()).length;
    const controller = new AbortController();
    let ended = false;
    const asked = run.client
      .token({ signal: controller.signal })
      .finally(() => {
        ended = true;
      })
      .catch((error) => error);
    await until(async () => (await run.sandbox.log()).length > before, 60, 'the request');
    assert.ok(!ended, 'the call ended before it was cancelled');
    const start = performance.now();
    controller.abort();
    const error = await asked;
    assert.equal(error.name, 'AbortError');
    assert.ok(performance.now() - start < 3000, 'it took too long to cancel');
  }),

  api: step(['path'], async (run, step) => {
    const before = (await run.sandbox.log()).length;
    const api = withToken(run.client, run.sandbox.fetch);
    const response = await api(run.sandbox.url + step.path);
    await response.arrayBuffer();
    const expected = step.expect ?? {};
    checkMembers('`expect`', expected, ['status', 'token_requests']);
    if (expected.status !== undefined) assert.equal(response.status, expected.status, 'status');
    if (expected.token_requests !== undefined) {
      assert.equal((await run.sandbox.log()).length - before, expected.token_requests, 'token_requests');
    }
  }),

  events: step([], async (run, step) => {
    const expected = step.expect ?? {};
    checkMembers('`expect`', expected, ['obtained', 'rotated', 'forgotten']);
    const wrong = () => Object.entries(expected).find(([name, value]) => run.heard[name] !== value);
    await until(() => !wrong(), 5, `${JSON.stringify(expected)}; heard ${JSON.stringify(run.heard)}`);
  }),

  close_in_use: step(['count'], async (run, step) => {
    const { client } = run;
    let gotOne = 0;
    const task = async (number) => {
      for (let calls = 0; ; calls++) {
        try {
          // Every other task passes minValidMs, which makes another call of the library.
          await client.token(number % 2 ? { minValidMs: 1000 * number } : {});
        } catch (error) {
          return error;
        }
        if (calls === 0) gotOne += 1;
        await new Promise((resolve) => setImmediate(resolve));
      }
    };
    const tasks = Array.from({ length: step.count }, (_, number) => task(number));
    await until(() => gotOne === step.count, 60, 'a token for each');
    const closed = client.close();
    const late = new Promise((_, reject) => {
      setTimeout(() => reject(new Error('not all calls ended')), 60_000).unref();
    });
    const errors = await Promise.race([Promise.all(tasks), late]);
    errors.push(await client.token().catch((error) => error));
    for (const error of errors) assert.equal(error.code, 'CLOSED', error);
    await closed;
  }),

  collect: step(['rounds'], async (run, step) => {
    assert.ok(globalThis.gc, 'run node with --expose-gc');
    for (let round = 1; round <= step.rounds; round++) {
      const other = await (await run.newClient()).token();
      const own = await run.client.token();
      assert.ok(other.accessToken === own.accessToken, 'another token');
      if (round % 10 === 0 || round === step.rounds) globalThis.gc();
    }
  }),
};

function step(members, run) {
  return Object.assign(run, { members });
}

/** Runs a step that should return something other than a token, or fail if an error is expected. */
async function expectResult(step, members, body) {
  const expected = step.expect ?? {};
  if (expected.error) {
    checkMembers('`expect`', expected, ['error']);
    await expectError(() => body({}), expected.error);
    return;
  }
  checkMembers('`expect`', expected, members);
  await body(expected);
}
