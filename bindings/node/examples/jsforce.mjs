// Uses jsforce with a token that countersign keeps valid.
//
//     node jsforce.mjs CONNECTION [CONFIG]

import { Client } from 'countersign';
import jsforce from 'jsforce';

const [name = 'salesforce', path] = process.argv.slice(2);
const client = await Client.load(name, path ? { path } : {});
const token = await client.token();

const connection = new jsforce.Connection({
  instanceUrl: token.extra.instance_url,
  accessToken: token.accessToken,
  // jsforce calls this if Salesforce rejects the token, and repeats the call with the new one.
  refreshFn: async (rejected, done) => {
    try {
      await client.invalidate(rejected.accessToken);
      done(null, await client.accessToken());
    } catch (error) {
      done(error);
    }
  },
});

const user = await connection.request(`${token.extra.instance_url}/services/oauth2/userinfo`);
console.log(`${user.preferred_username} of ${user.organization_id}`);

await client.close();
