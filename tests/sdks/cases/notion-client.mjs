// A workspace's tokens.

import { Client } from "@notionhq/client";

const given = JSON.parse(process.env.CASE);
const { client_id, client_secret } = given.settings;
const { oauth } = new Client();
let got = {};
if (given.does === "code") {
  const { code, redirect_uri } = given;
  const grant_type = "authorization_code";
  got = await oauth.token({ client_id, client_secret, grant_type, code, redirect_uri });
} else if (given.does === "refresh") {
  const { refresh_token } = given;
  got = await oauth.token({ client_id, client_secret, grant_type: "refresh_token", refresh_token });
} else {
  await oauth.revoke({ client_id, client_secret, token: given.refresh_token });
}
console.log(JSON.stringify({ access_token: got.access_token ?? null }));
