// The package's types with `require`. Compiled, not run.

import countersign = require('countersign');

export const client: Promise<countersign.Client> = countersign.Client.load('mine');
export const error: typeof countersign.CountersignError = countersign.RetryError;
