// oidc-provider as a test server on this machine's loopback: `node server.mjs`.
//
// Prints one line of JSON when it is ready: {"issuer", "private_key"}. The key is made at each start
// and belongs to the client `signed`. Ends with its standard input.

import { generateKeyPairSync } from 'node:crypto';
import { createServer } from 'node:http';

import { Provider } from 'oidc-provider';

// The path of the protected resource.
const RESOURCE = '/api';

// Nobody reads more than one line of the standard output.
console.info = console.error;

const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
const jwk = { ...publicKey.export({ format: 'jwk' }), kid: 'k1', use: 'sig', alg: 'ES256' };

function app(client_id, settings) {
  return {
    client_id,
    grant_types: ['client_credentials'],
    redirect_uris: [],
    response_types: [],
    scope: 'api:read api:write',
    ...settings,
  };
}

function clients() {
  return [
    // Characters that RFC 6749 section 2.3.1 encodes.
    app('basic:id +%', { client_secret: 'p@ss:w%rd +&=/?' }),
    app('post', {
      client_secret: 'post-secret',
      token_endpoint_auth_method: 'client_secret_post',
    }),
    app('signed', {
      jwks: { keys: [jwk] },
      token_endpoint_auth_method: 'private_key_jwt',
      token_endpoint_auth_signing_alg: 'ES256',
    }),
    {
      client_id: 'native',
      application_type: 'native',
      grant_types: ['authorization_code', 'refresh_token'],
      redirect_uris: ['http://127.0.0.1/callback'],
      response_types: ['code'],
      token_endpoint_auth_method: 'none',
    },
    {
      client_id: 'television',
      application_type: 'native',
      grant_types: ['urn:ietf:params:oauth:grant-type:device_code', 'refresh_token'],
      redirect_uris: [],
      response_types: [],
      token_endpoint_auth_method: 'none',
    },
  ];
}

function start(issuer, server) {
  const provider = new Provider(issuer, {
    clientAuthMethods: [
      'client_secret_basic',
      'client_secret_post',
      'private_key_jwt',
      'none',
    ],
    clients: clients(),
    cookies: { keys: ['a key for tests'] },
    features: {
      clientCredentials: { enabled: true },
      devInteractions: { enabled: true },
      deviceFlow: { enabled: true },
      registration: { enabled: true },
      resourceIndicators: {
        enabled: true,
        getResourceServerInfo: (_context, resource) => ({
          accessTokenFormat: 'jwt',
          audience: resource,
          jwt: { sign: { alg: 'RS256' } },
          scope: 'api:read api:write',
        }),
      },
      revocation: { enabled: true, allowedPolicy: () => true },
    },
    findAccount: (_context, id) => ({ accountId: id, claims: () => ({ sub: id }) }),
    issueRefreshToken: (_context, client) => client.grantTypeAllowed('refresh_token'),
    rotateRefreshToken: true,
    scopes: ['openid', 'offline_access', 'api:read', 'api:write'],
  });
  const answer = provider.callback();
  server.on('request', (request, response) => {
    const { pathname } = new URL(request.url, issuer);
    // A protected resource that names this server (RFC 9728).
    if (pathname === `/.well-known/oauth-protected-resource${RESOURCE}`) {
      response.setHeader('Content-Type', 'application/json');
      response.end(
        JSON.stringify({
          authorization_servers: [issuer],
          resource: `${issuer}${RESOURCE}`,
        }),
      );
      return;
    }
    answer(request, response);
  });
}

const server = createServer();
server.listen(0, '127.0.0.1', () => {
  const issuer = `http://127.0.0.1:${server.address().port}`;
  start(issuer, server);
  const private_key = privateKey.export({ format: 'pem', type: 'pkcs8' });
  process.stdout.write(`${JSON.stringify({ issuer, private_key })}\n`);
});
process.stdin.resume().on('end', () => process.exit(0));
