// An account's tokens.

const { OAuthApi } = require("klaviyo-api");

const given = JSON.parse(process.env.CASE);
const storage = { save: () => {}, retrieve: () => ({ refreshToken: given.refresh_token }) };
const api = new OAuthApi(given.settings.client_id, given.settings.client_secret, storage);

async function main() {
  if (given.does === "code") {
    return api.createTokens("customer", "the-verifier", given.code, given.redirect_uri);
  }
  return api.refreshTokens("customer", given.refresh_token);
}

main().then((tokens) => console.log(JSON.stringify({ access_token: tokens.accessToken })));
