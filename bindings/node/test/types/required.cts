// What a TypeScript program sees of the package by `require`. Compiled, not run.

import countersign = require('countersign');

export const client: Promise<countersign.Client> = countersign.Client.load('mine');
export const error: typeof countersign.CountersignError = countersign.RetryError;
