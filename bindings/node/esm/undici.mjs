import module from '../dist/undici.js';

export const { interceptor } = module;
