// A certified OpenID provider (oidc-provider) for the tests. Its people, clients and keys come as JSON on the first line of
// standard input; {"people": …} on a later line changes who people are. It prints its port when it listens.

import { createInterface } from "node:readline";
import { createServer } from "node:http";
import { Provider } from "oidc-provider";

/** @type {Record<string, Record<string, unknown>>} */
let people = {};
/** @type {Provider | null} */
let provider = null;

/** @param {any} asked */
function configured({ issuer, client, jwks, logout, refresh }) {
  const made = new Provider(issuer, {
    jwks,
    clients: [{ ...client, grant_types: ["authorization_code", "refresh_token"], response_types: ["code"] }],
    claims: { openid: ["sub"], email: ["email", "email_verified"], profile: ["name", "preferred_username", "groups"] },
    conformIdTokenClaims: false,
    features: { devInteractions: { enabled: true }, rpInitiatedLogout: { enabled: logout } },
    pkce: { required: () => true },
    rotateRefreshToken: true,
    issueRefreshToken: () => refresh,
    // Consent was given by whoever set this up.
    loadExistingGrant: async (ctx) => {
      const grant = new ctx.oidc.provider.Grant({ clientId: client.client_id, accountId: ctx.oidc.session?.accountId });
      grant.addOIDCScope("openid email profile offline_access");
      await grant.save();
      return grant;
    },
    findAccount: async (_, id) => (people[id] ? { accountId: id, claims: () => ({ sub: id, ...people[id] }) } : undefined),
    ttl: { AccessToken: 300, AuthorizationCode: 60, IdToken: 300, RefreshToken: 86400, Grant: 86400, Session: 86400, Interaction: 600 },
    cookies: { keys: ["only for tests"] },
  });
  made.on("server_error", (_, error) => console.error(error));
  return made;
}

for await (const line of createInterface({ input: process.stdin })) {
  const told = JSON.parse(line);
  people = told.people ?? people;
  if (provider) {
    console.log("changed");
    continue;
  }
  const server = createServer((request, response) => provider?.callback()(request, response));
  server.listen(told.port ?? 0, "127.0.0.1", () => {
    const { port } = /** @type {import("node:net").AddressInfo} */ (server.address());
    provider = configured({ ...told, issuer: `http://127.0.0.1:${port}` });
    console.log(port);
  });
}
process.exit(0);
