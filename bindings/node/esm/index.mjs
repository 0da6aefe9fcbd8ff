// The same module for `import`, so that a program has one copy of the classes, however it loads
// them.

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
  UsageError,
  VerificationError,
  withToken,
} = countersign;
