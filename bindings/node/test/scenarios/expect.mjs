// Checks the expectations of a scenario.

import assert from 'node:assert/strict';

import { CountersignError } from 'countersign';

import { CLASSES } from '../verdicts.mjs';

/** Throws if there is an unknown member. */
export function checkMembers(what, object, known) {
  for (const name of Object.keys(object)) {
    if (!known.includes(name)) throw new Error(`${what} has an unknown member: ${name}`);
  }
}

/** Runs a step that should return a token, or fail if an error is expected. */
export async function expectToken(run, step, body) {
  const expected = step.expect ?? {};
  if (expected.error) {
    checkMembers('`expect`', expected, ['error']);
    await expectError(body, expected.error);
    return;
  }
  const token = await body();
  checkToken(run, token, expected);
  if (step.as) run.tokens.set(step.as, token.accessToken);
}

export function checkToken(run, token, expected) {
  assert.notEqual(token.accessToken, '');
  for (const [name, value] of Object.entries(expected)) {
    const check = TOKEN[name];
    if (!check) throw new Error(`\`expect\` has an unknown member: ${name}`);
    check(token, value, run);
  }
}

const TOKEN = {
  source: (token, value) => assert.equal(token.source, value, 'source'),
  same_as: (token, name, run) =>
    assert.ok(token.accessToken === run.token(name), `another token than ${name}`),
  different_from: (token, name, run) =>
    assert.ok(token.accessToken !== run.token(name), `the same token as ${name}`),
  token_type: (token, value) => assert.equal(token.tokenType, value, 'token_type'),
  scope: (token, value) => assert.equal(token.scope, value, 'scope'),
  expires_in_about_s: (token, value, run) => {
    if (value === null) return assert.equal(token.expiresAt, null, 'expires_at');
    const left = token.expiresAt / 1000 - run.now();
    assert.ok(Math.abs(left - value) <= 30, `it expires in ${left} s, not in about ${value}`);
  },
  extra: (token, value) => checkExtra(token.extra, value),
  headers: ({ headers, accessToken }, expected) => {
    assert.deepEqual(Object.keys(headers).sort(), Object.keys(expected).sort(), 'headers');
    for (const [name, value] of Object.entries(expected)) {
      if (value === '*') assert.ok(headers[name], name);
      else assert.ok(headers[name] === value.replace('{token}', accessToken), name);
    }
  },
  headers_error: (token, expected) => {
    let thrown;
    try {
      token.headers;
    } catch (error) {
      thrown = error;
    }
    assert.ok(thrown, 'the headers are not an error');
    checkError(thrown, expected);
  },
};

/** Checks that each name has its value. `*` means any non-empty value. */
export function checkExtra(extra, expected) {
  for (const [name, value] of Object.entries(expected)) {
    if (value === '*') assert.ok(extra[name], `extra.${name} is missing`);
    else assert.equal(extra[name], value, `extra.${name}`);
  }
}

/** Runs a step that should fail, and checks the error. */
export async function expectError(body, expected) {
  const error = await body().then(
    () => assert.fail('the step succeeded, but an error is expected'),
    (thrown) => thrown,
  );
  checkError(error, expected);
}

export function checkError(error, expected) {
  if (!(error instanceof CountersignError)) throw error;
  assert.ok(error instanceof CLASSES[error.verdict], `${error.name} for ${error.verdict}`);
  for (const [name, value] of Object.entries(expected)) {
    const check = ERROR[name];
    if (!check) throw new Error(`\`error\` has an unknown member: ${name}`);
    check(error, value);
  }
}

const ERROR = {
  verdict: (error, value) => assert.equal(error.verdict, value, 'verdict'),
  kind: (error, value) => assert.equal(error.kind, value, 'kind'),
  http_status: (error, value) => assert.equal(error.httpStatus, value, 'http_status'),
  oauth_error: field('oauthError'),
  oauth_description: field('oauthDescription'),
  setting: field('setting'),
  provider: field('provider'),
  url: field('url'),
  trace_id: field('traceId'),
  hint: field('hint'),
  retry_after_s: (error, value) => {
    if (value === '*') assert.notEqual(error.retryAfterMs, null, 'retry_after_s');
    else assert.equal(error.retryAfterMs && Math.trunc(error.retryAfterMs / 1000), value, 'retry_after_s');
  },
  message_has: (error, value) => assert.ok(error.message.includes(value), `message: ${error.message}`),
  hint_has: (error, value) => assert.ok(error.hint?.includes(value), `hint: ${error.hint}`),
};

function field(name) {
  return (error, value) => {
    if (value === '*') assert.ok(error[name], `${name} is missing`);
    else assert.equal(error[name], value, name);
  };
}
