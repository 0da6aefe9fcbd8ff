export * from '../dist/axios.js';
