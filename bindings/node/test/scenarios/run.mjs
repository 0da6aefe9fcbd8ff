// One scenario: its client, its callbacks and its steps.

import assert from 'node:assert/strict';
import { createPrivateKey, sign } from 'node:crypto';
import { readFileSync } from 'node:fs';

import { Client, Registry } from 'countersign';
import { TestClock } from 'countersign/testing';

import { checkMembers, expectError } from './expect.mjs';
import { steps } from './steps.mjs';

const plugins = process.env.COUNTERSIGN_PLUGINS;
if (!plugins)
  throw new Error(
    'COUNTERSIGN_PLUGINS is not set: set it to the folder that tests/scenarios/plugins.sh has filled',
  );

const MEMBERS = [
  'name',
  'about',
  'connection',
  'settings',
  'clock',
  'signer',
  'listener',
  'plugin',
  'open',
  'steps',
  'requests',
];

export class Run {
  constructor(sandbox, name, scenario) {
    this.sandbox = sandbox;
    this.scenario = this.filled(scenario);
    checkMembers('the scenario', this.scenario, MEMBERS);
    assert.equal(this.scenario.name, name);
    /** How far the clock is ahead, in seconds. */
    this.offsetS = 0;
    this.clock = new TestClock();
    /** Counts the listener's calls. */
    this.heard = { obtained: 0, rotated: 0, forgotten: 0 };
    /** The named tokens. */
    this.tokens = new Map();
  }

  async run() {
    const { open, requests } = this.scenario;
    if (open) {
      checkMembers('`open`', open, ['error']);
      await expectError(() => this.newClient(), open.error);
    } else {
      await this.runSteps();
    }
    if (requests) {
      const log = await this.sandbox.log();
      assert.deepEqual(
        log.map((entry) => entry.grant),
        requests,
        'requests',
      );
    }
  }

  async runSteps() {
    this.client = await this.newClient();
    try {
      for (const [i, step] of this.scenario.steps.entries()) {
        const run = steps[step.do];
        if (!run) throw new Error(`step ${i + 1}: unknown \`do\`: ${step.do}`);
        try {
          checkMembers('the step', step, ['do', 'expect', ...run.members]);
          await run(this, step);
        } catch (error) {
          error.message = `step ${i + 1}, ${step.do}: ${error.message}`;
          throw error;
        }
      }
    } finally {
      await this.client.close();
    }
  }

  /** Builds a client with the scenario's settings and callbacks. */
  async newClient() {
    const { plugin } = this.scenario;
    if (plugin === undefined) return this.clientWith({});
    const registry = new Registry();
    try {
      await registry.loadPlugin(plugin);
      return await this.clientWith({ registry });
    } finally {
      // Clients keep working without their registry.
      registry.close();
    }
  }

  /** @private */
  clientWith(options) {
    const { connection, settings = {}, clock, signer, listener } = this.scenario;
    if (clock) options.clock = this.clock;
    if (listener) options.onChange = (change) => this.hear(change);
    const over = { store: 'memory', ...settings };
    if (signer) options.signer = this.signer();
    return Client.load(connection, { ...options, path: this.sandbox.connections, settings: over });
  }

  hear(change) {
    this.heard[change] += 1;
    // A rotation also obtains a new token.
    if (change === 'rotated') this.heard.obtained += 1;
  }

  signer() {
    const file = this.sandbox.settings(this.scenario.connection).private_key_file;
    const key = createPrivateKey(readFileSync(file));
    const fails = this.scenario.signer === 'fails';
    return {
      algorithm: 'RS256',
      sign(input) {
        if (fails) throw new Error('the device is not there');
        return sign('sha256', input, key);
      },
    };
  }

  /** Returns the client's time, in seconds. */
  now() {
    return Date.now() / 1000 + (this.scenario.clock ? this.offsetS : 0);
  }

  token(name) {
    const token = this.tokens.get(name);
    if (token === undefined) throw new Error(`no token is named ${name}`);
    return token;
  }

  /** Replaces {url}, {dir} and {plugins} in every string. */
  filled(value) {
    if (typeof value === 'string') {
      return value
        .replaceAll('{url}', this.sandbox.url)
        .replaceAll('{dir}', this.sandbox.dir)
        .replaceAll('{plugins}', plugins);
    }
    if (Array.isArray(value)) return value.map((item) => this.filled(item));
    if (value === null || typeof value !== 'object') return value;
    return Object.fromEntries(Object.entries(value).map(([name, item]) => [name, this.filled(item)]));
  }
}
