// Prints the package.json of the addon's package for this platform. To add a platform, run
// package.sh on it, and list its package in `optionalDependencies`, its system in `os`, `cpu` and
// `libc`.

import { readFileSync } from 'node:fs';

const main = JSON.parse(readFileSync(new URL('package.json', import.meta.url), 'utf8'));
const { platform, arch } = process;
const libc = process.report.getReport().header.glibcVersionRuntime ? 'glibc' : 'musl';
const suffix = platform === 'linux' ? (libc === 'glibc' ? '-gnu' : '-musl') : '';

const addon = {
  name: `@countersign/${platform}-${arch}${suffix}`,
  version: main.version,
  description: `The native addon of the package countersign, for ${platform} ${arch}`,
  author: main.author,
  license: main.license,
  repository: main.repository,
  homepage: main.homepage,
  engines: main.engines,
  os: [platform],
  cpu: [arch],
  ...(platform === 'linux' && { libc: [libc] }),
  main: 'countersign.node',
  files: ['countersign.node', 'LICENSE-*'],
};
console.log(JSON.stringify(addon, null, 2));
