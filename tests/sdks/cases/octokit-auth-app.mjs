// An app's installation.

import { readFileSync } from "node:fs";
import { createAppAuth } from "@octokit/auth-app";

const { settings, rsa_pkcs1 } = JSON.parse(process.env.CASE);
const auth = createAppAuth({
  appId: settings.client_id,
  privateKey: readFileSync(rsa_pkcs1, "utf8"),
  installationId: settings["extra.installation_id"],
});
const { token } = await auth({ type: "installation" });
console.log(JSON.stringify({ access_token: token }));
