// An app of one's own organization, and an expiring token.

import "@shopify/shopify-api/adapters/node";
import { shopifyApi } from "@shopify/shopify-api";

const given = JSON.parse(process.env.CASE);
const { auth } = shopifyApi({
  apiKey: given.settings.client_id,
  apiSecretKey: given.settings.client_secret,
  hostName: "app.example",
  apiVersion: "2026-10",
  isEmbeddedApp: false,
  logger: { level: 0 },
});
const shop = "acme.myshopify.com";
const { session } =
  given.does === "token"
    ? await auth.clientCredentials({ shop })
    : await auth.refreshToken({ shop, refreshToken: given.refresh_token });
console.log(JSON.stringify({ access_token: session.accessToken }));
