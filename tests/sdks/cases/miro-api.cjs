// A person's tokens.

const { Miro } = require("@mirohq/miro-api");

const given = JSON.parse(process.env.CASE);
const miro = new Miro({
  clientId: given.settings.client_id,
  clientSecret: given.settings.client_secret,
  redirectUrl: given.redirect_uri,
});

async function main() {
  if (given.does === "code") return miro.exchangeCodeForAccessToken("user", given.code);
  miro.storage.set("user", {
    accessToken: "old",
    refreshToken: given.refresh_token,
    tokenExpiresAt: new Date(0).toISOString(),
    userId: "user",
  });
  return miro.getAccessToken("user");
}

main().then((token) => console.log(JSON.stringify({ access_token: token })));
