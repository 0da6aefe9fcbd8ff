// The same module for `import`: one copy of the classes, whichever way a program loads them.

import countersign from '../dist/index.js';

export const {
  Client,
  CountersignError,
  FixConfigurationError,
  Key,
  libraryVersion,
  Login,
  OutcomeUnknownError,
  ReauthorizeError,
  Registry,
  RetryError,
  settings,
  Token,
  UnexpectedError,
  withToken,
} = countersign;
