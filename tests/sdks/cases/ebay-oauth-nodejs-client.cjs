// An application's and a person's tokens.

const EbayAuthToken = require("ebay-oauth-nodejs-client");

const given = JSON.parse(process.env.CASE);
const client = new EbayAuthToken({
  clientId: given.settings.client_id,
  clientSecret: given.settings.client_secret,
  redirectUri: given.settings["extra.runame"],
  env: "PRODUCTION",
});

async function main() {
  if (given.does === "token") return client.getApplicationToken("PRODUCTION");
  // The SDK puts these two into the form as they are: the caller has to encode them.
  const scope = encodeURIComponent("https://api.ebay.com/oauth/api_scope");
  const encoded = (text) => encodeURIComponent(text);
  if (given.does === "code") {
    return client.exchangeCodeForAccessToken("PRODUCTION", encoded(given.code));
  }
  return client.getAccessToken("PRODUCTION", encoded(given.refresh_token), scope);
}

main().then((text) => {
  console.log(JSON.stringify({ access_token: JSON.parse(text).access_token }));
});
