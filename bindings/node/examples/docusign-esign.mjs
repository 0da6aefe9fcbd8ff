// Uses docusign-esign with a token that countersign keeps valid.
//
//     node docusign-esign.mjs CONNECTION [CONFIG]

import { Client } from 'countersign';
import docusign from 'docusign-esign';

const [name = 'docusign', path] = process.argv.slice(2);
const client = await Client.load(name, path ? { path } : {});

const api = new docusign.ApiClient();
// The account server of the demo environment. For production, use account.docusign.com.
api.setOAuthBasePath(process.env.DOCUSIGN_HOST ?? 'account-d.docusign.com');

// Call this before each use. It returns the cached token unless that is about to expire.
async function authorized() {
  const token = await client.token();
  api.addDefaultHeader('Authorization', token.authorization);
  return token;
}

// docusign-esign throws an axios error. After a 401, this replaces the token and repeats the call
// once.
async function once(call) {
  const token = await authorized();
  try {
    return await call(token);
  } catch (error) {
    if (error.response?.status !== 401) throw error;
    await client.invalidate(token);
    return call(await authorized());
  }
}

const user = await once((token) => api.getUserInfo(token.accessToken));
const account = user.accounts.find((each) => each.isDefault === 'true') ?? user.accounts[0];
api.setBasePath(`${account.baseUri}/restapi`);
console.log(`${user.name} of ${account.accountName}, at ${api.getBasePath()}`);
// Now use new docusign.EnvelopesApi(api), and once(() =>
// envelopes.listStatusChanges(account.accountId, ...)).

await client.close();
