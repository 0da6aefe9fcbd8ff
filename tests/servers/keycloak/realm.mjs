// The realm `demo` of the Keycloak that tests start: `node realm.mjs FILE`.
//
// Writes the realm to FILE, and prints one line of JSON with the private keys of its clients, which
// are made each time: {"RS256": PEM, "ES256": PEM}.

import { generateKeyPairSync } from 'node:crypto';
import { writeFileSync } from 'node:fs';

const pairs = {
  RS256: generateKeyPairSync('rsa', { modulusLength: 2048 }),
  ES256: generateKeyPairSync('ec', { namedCurve: 'P-256' }),
};

/** The key set that has the public key of an algorithm. */
function jwks(alg) {
  const jwk = pairs[alg].publicKey.export({ format: 'jwk' });
  return JSON.stringify({ keys: [{ ...jwk, alg, kid: alg, use: 'sig' }] });
}

/** A client that gets tokens for itself. */
function service(clientId, settings) {
  return {
    clientId,
    publicClient: false,
    serviceAccountsEnabled: true,
    standardFlowEnabled: false,
    ...settings,
  };
}

/** A client that authenticates with a signed assertion. */
function signed(alg) {
  return service(`signed-${alg}`, {
    clientAuthenticatorType: 'client-jwt',
    attributes: {
      'jwks.string': jwks(alg),
      'token.endpoint.auth.signing.alg': alg,
      'use.jwks.string': 'true',
    },
  });
}

const realm = {
  realm: 'demo',
  enabled: true,
  // A refresh token is good for one refresh.
  refreshTokenMaxReuse: 0,
  revokeRefreshToken: true,
  sslRequired: 'none',
  clients: [
    // Characters that RFC 6749 section 2.3.1 encodes.
    service('secret:id +%', { secret: 'p@ss:w%rd +&=/?' }),
    signed('RS256'),
    signed('ES256'),
    {
      clientId: 'native',
      attributes: { 'pkce.code.challenge.method': 'S256' },
      consentRequired: true,
      publicClient: true,
      redirectUris: ['http://127.0.0.1/callback'],
    },
    // The client signs for its users, so its id is the issuer, which must be a URL.
    service('https://impersonator.acme.example', {
      attributes: {
        'oauth2.jwt.authorization.grant.enabled': 'true',
        'oauth2.jwt.authorization.grant.idp': 'own-assertions',
      },
      secret: 'impersonators-secret',
    }),
  ],
  identityProviders: [
    {
      alias: 'own-assertions',
      config: {
        issuer: 'https://impersonator.acme.example',
        jwtAuthorizationGrantAssertionReuseAllowed: 'false',
        jwtAuthorizationGrantEnabled: 'true',
        jwtAuthorizationGrantMaxAllowedAssertionExpiration: '300',
        publicKeySignatureVerifier: jwks('ES256'),
        useJwksUrl: 'false',
      },
      enabled: true,
      hideOnLogin: true,
      providerId: 'jwt-authorization-grant',
    },
  ],
  users: [
    {
      username: 'joe',
      credentials: [{ type: 'password', value: 'any' }],
      email: 'joe@acme.example',
      emailVerified: true,
      enabled: true,
      federatedIdentities: [
        { identityProvider: 'own-assertions', userId: 'joe-at-work', userName: 'joe' },
      ],
      firstName: 'Joe',
      lastName: 'Doe',
      realmRoles: ['offline_access'],
    },
  ],
};

writeFileSync(process.argv[2], JSON.stringify(realm));
const pem = ({ privateKey }) => privateKey.export({ format: 'pem', type: 'pkcs8' });
const keys = Object.entries(pairs).map(([alg, pair]) => [alg, pem(pair)]);
process.stdout.write(`${JSON.stringify(Object.fromEntries(keys))}\n`);
