// The exchange of a code.

const monday = require("monday-sdk-js")();

const { settings, code } = JSON.parse(process.env.CASE);
monday.oauthToken(code, settings.client_id, settings.client_secret).then((got) => {
  console.log(JSON.stringify({ access_token: got.access_token }));
});
