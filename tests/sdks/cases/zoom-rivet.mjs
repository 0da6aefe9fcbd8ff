// A server-to-server app.

import { UsersS2SAuthClient } from "@zoom/rivet/users";

const { settings } = JSON.parse(process.env.CASE);
let kept;
const client = new UsersS2SAuthClient({
  clientId: settings.client_id,
  clientSecret: settings.client_secret,
  accountId: settings["extra.account_id"],
  disableReceiver: true,
  tokenStore: {
    getLatestToken: () => kept,
    storeToken: (token) => {
      kept = token;
    },
  },
});
await client.endpoints.users.getUser({ path: { userId: "me" } }).catch(() => {});
console.log(JSON.stringify({ access_token: kept.accessToken }));
process.exit(0);
