import module from '../dist/axios.js';

export const { withToken } = module;
