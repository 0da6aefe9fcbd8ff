// The package's types with `import`. Compiled, not run.

import axios from 'axios';
import {
  Client,
  CountersignError,
  type Counts,
  type ErrorCode,
  Key,
  Login,
  ReauthorizeError,
  Registry,
  RetryError,
  type Settings,
  type Token,
  type TokenSource,
  type Verdict,
  withToken,
} from 'countersign';
import { withToken as withTokenForAxios } from 'countersign/axios';
import { staticSource, TestClock } from 'countersign/testing';
import { interceptor } from 'countersign/undici';
import { Agent } from 'undici';

const settings: Settings = {
  provider: 'docusign',
  private_key_file: 'key.pem',
  client_secret_env: 'SECRET',
  min_valid_s: 60,
  'extra.account_id': 'an-id',
};

// @ts-expect-error: not a setting
const misspelt: Settings = { providr: 'docusign' };
// @ts-expect-error: not a grant type
const noGrant: Settings = { grant: 'password' };
// @ts-expect-error: only secrets may come from a file
const noSecret: Settings = { client_id_file: 'a' };

export async function use(signal: AbortSignal): Promise<string | undefined> {
  await using(await Client.create(settings, { name: 'mine', registry: new Registry() }));
  const client: Client = await Client.load('mine', {
    path: 'countersign.toml',
    settings,
    signer: { algorithm: 'RS256', sign: (input: Uint8Array): Uint8Array => input },
    clock: new TestClock(),
    log: (level: 'error' | 'warn' | 'info' | 'debug', line: string) => void [level, line],
    onChange: (change, token: Token | null) =>
      void [change satisfies 'obtained' | 'rotated' | 'forgotten', token],
  });
  await Client.create(settings, { signer: { algorithm: 'RS256', sign: async (input: Uint8Array) => input } });
  // @ts-expect-error: clients are made by `create` and `load`
  new Client(settings);

  try {
    const token: Token = await client.token({ minValidMs: 60_000, signal, timeoutMs: 2000 });
    const parts: [string, string, string, Date | null, string | null] = [
      token.accessToken,
      token.authorization,
      token.tokenType,
      token.expiresAt,
      token.scope,
    ];
    token.source satisfies 'minted' | 'refreshed' | 'cache' | 'store';
    token.extra.instance_url satisfies string | undefined;
    // @ts-expect-error: the vendor may not send it
    token.extra.instance_url satisfies string;
    (await client.identity()).base_uri satisfies string | undefined;
    // @ts-expect-error: tokens do not change
    token.scope = parts[0];
  } catch (error) {
    if (error instanceof RetryError) return `in ${error.retryAfterMs?.toFixed()} ms`;
    if (error instanceof ReauthorizeError) return error.url ?? undefined;
    if (error instanceof CountersignError && error.retryable) return error.code satisfies ErrorCode;
    if (error instanceof CountersignError && error.kind === 'consent_required') return undefined;
    // @ts-expect-error: not a kind
    if (error instanceof CountersignError && error.kind === 'consent') return undefined;
    if (error instanceof CountersignError) return error.verdict satisfies Verdict;
    throw error;
  }
  const response: Response = await withToken(client)('https://api.example', { method: 'POST', signal });
  const counts: Counts = client.counts();
  const login: Login = await client.startLogin();
  await client.completeLogin(Login.restore(login.save()), 'code=1');
  const key: Key = await Key.read(new Uint8Array(), { passphrase: 'secret' });
  const signed: string = await key.sign({ iss: 'me' }, { algorithm: 'ES256' });
  const { revocation } = await client.forget({ force: true });
  revocation satisfies 'revoked' | 'not_offered' | 'nothing_held' | 'failed';
  (await client.events())[0]?.at satisfies Date | undefined;
  (await key.info()).algorithms satisfies string[];
  const sources: TokenSource[] = [client, staticSource('t0ken')];
  for (const source of sources) {
    withToken(source);
    withTokenForAxios(source, axios.create());
    new Agent().compose(interceptor(source, { origins: ['https://api.example'] }));
  }
  await client.close();
  return client.peek() ?? (await client.accessToken()) + signed + counts.hits + response.status;
}

async function using(resource: Client): Promise<void> {
  await using _ = resource;
  using _other = resource;
}

export const unused = [misspelt, noGrant, noSecret];
