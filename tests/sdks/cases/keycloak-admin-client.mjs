// A confidential client's tokens.

import KcAdminClient from "@keycloak/keycloak-admin-client";

const given = JSON.parse(process.env.CASE);
const client = new KcAdminClient({ baseUrl: "https://sso.acme.example", realmName: "acme" });
await client.auth({
  grantType: given.does === "token" ? "client_credentials" : "refresh_token",
  clientId: given.settings.client_id,
  clientSecret: given.settings.client_secret,
  refreshToken: given.does === "token" ? undefined : given.refresh_token,
});
console.log(JSON.stringify({ access_token: client.accessToken }));
