// A company's tokens.

const { OAuth2Configuration } = require("pipedrive/v1");

const given = JSON.parse(process.env.CASE);
const configuration = new OAuth2Configuration({
  clientId: given.settings.client_id,
  clientSecret: given.settings.client_secret,
  redirectUri: given.redirect_uri,
});

async function main() {
  if (given.does === "code") {
    await configuration.authorize(given.code);
  } else {
    configuration.updateToken({ refresh_token: given.refresh_token, access_token: "old" });
    if (given.does === "refresh") await configuration.tokenRefresh();
    else await configuration.revokeToken("refresh_token");
  }
  console.log(JSON.stringify({ access_token: configuration.accessToken }));
}

main();
