// KEY COUNT: jose as its documentation has it, with the key read once.
import { readFileSync } from "node:fs";
import { SignJWT, importPKCS8 } from "jose";

const key = await importPKCS8(readFileSync(process.argv[2], "utf8"), "RS256");
let token;
for (let number = 0; number < Number(process.argv[3]); number++) {
  const claims = { iss: "app", sub: "joe", aud: "https://login.example", iat: 1700000000, exp: 1700003600, jti: String(number) };
  token = await new SignJWT(claims).setProtectedHeader({ alg: "RS256", typ: "JWT" }).sign(key);
}
console.log(token);
