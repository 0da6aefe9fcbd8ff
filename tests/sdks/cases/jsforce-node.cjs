// A person's tokens, and client credentials of an org.

const { OAuth2 } = require("@jsforce/jsforce-node");

const given = JSON.parse(process.env.CASE);
const { settings } = given;
const oauth2 = new OAuth2({
  loginUrl: settings.base_url ?? "https://login.salesforce.com",
  clientId: settings.client_id,
  clientSecret: settings.client_secret,
  redirectUri: given.does === "token" ? undefined : given.redirect_uri,
});

async function main() {
  if (given.does === "code") return oauth2.requestToken(given.code);
  if (given.does === "refresh") return oauth2.refreshToken(given.refresh_token);
  if (given.does === "token") return oauth2.requestToken({ grant_type: "client_credentials" });
  await oauth2.revokeToken(given.refresh_token);
  return { access_token: null };
}

main().then(({ access_token }) => {
  console.log(JSON.stringify({ access_token }));
  process.exit(0);
});
