// A person's tokens, of a GitHub App.

import { OAuthApp } from "@octokit/oauth-app";

const given = JSON.parse(process.env.CASE);
const app = new OAuthApp({
  clientType: "github-app",
  clientId: given.settings.client_id,
  clientSecret: given.settings.client_secret,
});
const { authentication } =
  given.does === "code"
    ? await app.createToken({ code: given.code, redirectUrl: given.redirect_uri })
    : await app.refreshToken({ refreshToken: given.refresh_token });
console.log(JSON.stringify({ access_token: authentication.token }));
