import module from '../dist/testing.js';

export const { Sandbox, staticSource, TestClock } = module;
