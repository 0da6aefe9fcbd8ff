// The package's types with `import`. Compiled, not run.

import {
  Client,
  CountersignError,
  type Counts,
  Key,
  Login,
  ReauthorizeError,
  Registry,
  RetryError,
  type Settings,
  type Token,
  type Verdict,
  withToken,
} from 'countersign';

const settings: Settings = {
  provider: 'docusign',
  private_key_file: 'key.pem',
  client_secret_env: 'SECRET',
  min_valid_s: 60,
  'extra.account_id': 'an-id',
};

// @ts-expect-error: not a setting
const misspelt: Settings = { providr: 'docusign' };
// @ts-expect-error: only secrets may come from a file
const noSecret: Settings = { client_id_file: 'a' };

export async function use(signal: AbortSignal): Promise<string | undefined> {
  await using(await Client.create(settings, { name: 'mine', registry: new Registry() }));
  const client: Client = await Client.load('mine', {
    path: 'countersign.toml',
    settings,
    signer: { algorithm: 'RS256', sign: (input: Uint8Array): Uint8Array => input },
    clock: () => ({ unixMs: 0, bootMs: 0 }),
    log: (level: 'error' | 'warn' | 'info' | 'debug', line: string) => void [level, line],
    onChange: (change, token: Token | null) =>
      void [change satisfies 'obtained' | 'rotated' | 'forgotten', token],
  });
  // @ts-expect-error: a signer cannot be asynchronous
  await Client.create(settings, { signer: { algorithm: 'RS256', sign: async (input: Uint8Array) => input } });
  // @ts-expect-error: clients are made by `create` and `load`
  new Client(settings);

  try {
    const token: Token = await client.token({ minValid: 60, signal });
    const parts: [string, string, string, number | null, string | null] = [
      token.accessToken,
      token.authorization,
      token.tokenType,
      token.expiresAt,
      token.scope,
    ];
    token.source satisfies 'minted' | 'refreshed' | 'cache' | 'store';
    token.extra.instance_url satisfies string | undefined;
    // @ts-expect-error: tokens do not change
    token.scope = parts[0];
  } catch (error) {
    if (error instanceof RetryError) return `in ${error.retryAfterS?.toFixed()} s`;
    if (error instanceof ReauthorizeError) return error.url ?? undefined;
    if (error instanceof CountersignError) return error.verdict satisfies Verdict;
    throw error;
  }
  const response: Response = await withToken(client)('https://api.example', { method: 'POST', signal });
  const counts: Counts = client.counts();
  const login: Login = await client.startLogin();
  await client.completeLogin(Login.restore(login.save()), 'code=1');
  const key: Key = await Key.read(new Uint8Array(), 'passphrase');
  const signed: string = await key.sign({ iss: 'me' }, { algorithm: 'ES256' });
  const { revocation } = await client.forget({ force: true });
  revocation satisfies 'revoked' | 'not_offered' | 'nothing_held' | 'failed';
  client.close();
  return client.peek() ?? (await client.accessToken()) + signed + counts.hits + response.status;
}

async function using(resource: Disposable): Promise<void> {
  using _ = resource;
}

export const unused = [misspelt, noSecret];
