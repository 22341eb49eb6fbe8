// A real OpenID Connect provider for tests: `node provider.mjs PORT ACCOUNTS`.
//
// ACCOUNTS is JSON: who may sign in (any password will do), with the claims of their tokens.
// `shift` moves a token in time, as a provider whose clock is wrong would. Each start makes
// new keys. It ends when its standard input does, so it never outlives the tests.
import { generateKeyPairSync } from "node:crypto";
import Provider from "oidc-provider";

const [port, accounts] = [Number(process.argv[2]), JSON.parse(process.argv[3])];
const MINUTES = 60;

const key = generateKeyPairSync("rsa", { modulusLength: 2048 }).privateKey;

const provider = new Provider(`http://127.0.0.1:${port}`, {
  jwks: { keys: [{ ...key.export({ format: "jwk" }), use: "sig", alg: "RS256" }] },
  cookies: { keys: ["tests"] },
  clients: [
    {
      client_id: "console",
      redirect_uris: ["http://127.0.0.1:1/signed-in"],
      token_endpoint_auth_method: "none",
      application_type: "native",
    },
  ],
  findAccount: (_, id) =>
    id in accounts ? { accountId: id, claims: () => ({ sub: id }) } : undefined,
  extraTokenClaims: (_, token) => accounts[token.accountId]?.claims,
  features: {
    resourceIndicators: {
      enabled: true,
      useGrantedResource: () => true,
      getResourceServerInfo: (_, resource) => ({
        scope: "sewa",
        audience: resource.split(":").at(-1),
        accessTokenFormat: "jwt",
        accessTokenTTL: 10 * MINUTES,
      }),
    },
  },
  formats: {
    customizers: {
      jwt: (_, token, jwt) => {
        const shift = accounts[token.accountId]?.shift ?? 0;
        jwt.payload.iat += shift;
        jwt.payload.exp += shift;
      },
    },
  },
  ttl: { AccessToken: 10 * MINUTES, Grant: 600, IdToken: 600, Interaction: 600, Session: 600 },
});

provider.listen(port, "127.0.0.1", () => console.log("listening"));
process.stdin.on("end", () => process.exit()).resume();
