// The class of each verdict.

import {
  FixConfigurationError,
  OutcomeUnknownError,
  ReauthorizeError,
  RetryError,
  UnexpectedError,
} from 'countersign';

export const CLASSES = {
  retry: RetryError,
  reauthorize: ReauthorizeError,
  fix_configuration: FixConfigurationError,
  outcome_unknown: OutcomeUnknownError,
  unexpected: UnexpectedError,
};
