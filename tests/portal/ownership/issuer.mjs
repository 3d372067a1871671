// A certified OpenID provider (oidc-provider) in two parts: it signs people in, by any name, and it
// gives tokens to workflows, for the audience they ask for and with the claims they are given. The
// portal is its operator's own: as providers do for such clients, it asks nobody for their leave.
//   node issuer.mjs MODULES PORT REDIRECT_URI
import { pathToFileURL } from 'node:url'

const [modules, port, redirectUri] = process.argv.slice(2)
const { Provider } = await import(pathToFileURL(`${modules}/oidc-provider/lib/index.js`))

const provider = new Provider(`http://127.0.0.1:${port}`, {
  clients: [
    { client_id: 'affineur', client_secret: 'secret', redirect_uris: [redirectUri] },
    {
      client_id: 'runner',
      client_secret: 'secret',
      grant_types: ['client_credentials'],
      response_types: [],
      redirect_uris: [],
    },
  ],
  claims: { openid: ['sub'], profile: ['preferred_username'], email: ['email'] },
  findAccount: (_ctx, id) => {
    const name = id.slice(id.indexOf('-') + 1)
    const claims = { sub: id, preferred_username: name, email: `${name}@guild.example` }
    return { accountId: id, claims: () => claims }
  },
  loadExistingGrant: async (ctx) => {
    const { client, session, provider } = ctx.oidc
    const held = session.grantIdFor(client.clientId)
    if (held) return provider.Grant.find(held)
    const grant = new provider.Grant({ clientId: client.clientId, accountId: session.accountId })
    grant.addOIDCScope('openid profile email')
    await grant.save()
    return grant
  },
  extraTokenClaims: (ctx) => JSON.parse(ctx.get('x-claims') || '{}'),
  ttl: { ClientCredentials: 300 },
  features: {
    clientCredentials: { enabled: true },
    resourceIndicators: {
      enabled: true,
      getResourceServerInfo: (_ctx, audience) => ({
        scope: '',
        audience,
        accessTokenFormat: 'jwt',
        jwt: { sign: { alg: 'RS256' } },
      }),
    },
  },
})
provider.listen(Number(port), '127.0.0.1')
