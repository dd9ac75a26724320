// A certified OpenID provider on loopback. Whoever signs in is who they say they are: any password will do.
import Provider from "oidc-provider";

const [port, redirect, audience] = process.argv.slice(2);
const issuer = `http://127.0.0.1:${port}`;

const provider = new Provider(issuer, {
  clients: [
    { client_id: "moorage", client_secret: "a secret/of: two", redirect_uris: [redirect] },
    {
      client_id: "ci",
      client_secret: "ci-secret",
      redirect_uris: [],
      response_types: [],
      grant_types: ["client_credentials"],
    },
  ],
  claims: { openid: ["sub"], profile: ["preferred_username", "groups"], email: ["email"] },
  cookies: { keys: ["of a test"] },
  findAccount: (_, id) => ({
    accountId: id,
    claims: () => ({ sub: id, preferred_username: id, email: `${id}@acme.example`, groups: ["dev", "ops"] }),
  }),
  pkce: { required: () => true },
  features: {
    clientCredentials: { enabled: true },
    resourceIndicators: {
      enabled: true,
      getResourceServerInfo: () => ({ scope: "", audience, accessTokenFormat: "jwt", accessTokenTTL: 300 }),
    },
  },
});
provider.listen(Number(port), "127.0.0.1");
