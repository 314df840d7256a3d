// A peer to measure against: npm's oidc-provider with everything in memory, as little as it can do for the same work.
// On the loopback only, started and ended by the benchmark.
import crypto from 'node:crypto';
import http from 'node:http';
import { hash, verify } from '@node-rs/argon2';
import { Provider } from 'oidc-provider';

const { PORT, ISSUER, REDIRECT_URI, SECRET, PASSWORD } = process.env;
const SCOPE = ['openid', 'profile', 'email', 'offline_access'];

const entries = new Map();
const sessions = new Map();
const ofGrant = new Map();

class Memory {
  constructor(model) { this.model = model; }

  key(id) { return `${this.model}:${id}`; }

  async upsert(id, payload, seconds) {
    const key = this.key(id);
    entries.set(key, { payload, until: seconds ? Date.now() + seconds * 1000 : Infinity });
    if (this.model === 'Session') sessions.set(payload.uid, id);
    if (payload.grantId) {
      const keys = ofGrant.get(payload.grantId) ?? new Set();
      ofGrant.set(payload.grantId, keys.add(key));
    }
  }

  async find(id) {
    const entry = entries.get(this.key(id));
    return entry && entry.until > Date.now() ? entry.payload : undefined;
  }

  async findByUid(uid) { return this.find(sessions.get(uid)); }

  async findByUserCode() { return undefined; }

  async consume(id) { entries.get(this.key(id)).payload.consumed = Math.floor(Date.now() / 1000); }

  async destroy(id) { entries.delete(this.key(id)); }

  async revokeByGrantId(grantId) {
    for (const key of ofGrant.get(grantId) ?? []) entries.delete(key);
    ofGrant.delete(grantId);
  }
}

const key = (type, options, alg) => ({
  ...crypto.generateKeyPairSync(type, options).privateKey.export({ format: 'jwk' }), use: 'sig', alg, kid: alg,
});
const application = (alg) => ({
  client_id: `web-${alg}`, client_secret: SECRET, redirect_uris: [REDIRECT_URI], response_types: ['code'],
  grant_types: ['authorization_code', 'refresh_token'], id_token_signed_response_alg: alg,
});
const passwordHash = await hash(PASSWORD, { memoryCost: 19456, timeCost: 2, parallelism: 1 });

const provider = new Provider(ISSUER, {
  adapter: Memory,
  jwks: { keys: [key('rsa', { modulusLength: 2048 }, 'RS256'), key('ec', { namedCurve: 'P-256' }, 'ES256'), key('ed25519', {}, 'EdDSA')] },
  cookies: { keys: [crypto.randomBytes(32).toString('hex')] },
  clients: [
    { client_id: 'machine', client_secret: SECRET, redirect_uris: [], response_types: [], grant_types: ['client_credentials'] },
    application('RS256'),
    application('ES256'),
  ],
  scopes: [...SCOPE, 'api'],
  claims: { openid: ['sub'], email: ['email', 'email_verified'], profile: ['name'] },
  ttl: { AccessToken: 86400, AuthorizationCode: 60, ClientCredentials: 86400, Grant: 86400, IdToken: 3600, Interaction: 600, RefreshToken: 86400, Session: 86400 },
  rotateRefreshToken: true,
  expiresWithSession: () => false,
  issueRefreshToken: async (ctx, client) => client.grantTypeAllowed('refresh_token'),
  findAccount: async (ctx, sub) => ({
    accountId: sub,
    claims: async () => ({ sub, name: 'Alice Adams', email: 'alice@example.com', email_verified: true }),
  }),
  features: {
    clientCredentials: { enabled: true },
    devInteractions: { enabled: false },
    introspection: { enabled: true, allowedPolicy: () => true },
    resourceIndicators: {
      enabled: true,
      defaultResource: () => undefined,
      useGrantedResource: () => true,
      getResourceServerInfo: (ctx, resource) => {
        const alg = resource.split(':')[1];
        const form = alg === 'opaque' ? { accessTokenFormat: 'opaque' } : { accessTokenFormat: 'jwt', jwt: { sign: { alg } } };
        return { scope: 'api', audience: resource, accessTokenTTL: 86400, ...form };
      },
    },
  },
  interactions: { url: (ctx, interaction) => `/sign-in/${interaction.uid}` },
  // Nobody is asked for consent, as the operator vouches for the clients.
  loadExistingGrant: async ({ oidc }) => {
    const known = oidc.session.grantIdFor(oidc.client.clientId);
    if (known) return oidc.provider.Grant.find(known);
    const grant = new oidc.provider.Grant({ accountId: oidc.session.accountId, clientId: oidc.client.clientId });
    grant.addOIDCScope(SCOPE.join(' '));
    await grant.save();
    return grant;
  },
});

const answer = provider.callback();

async function signIn(request, response) {
  if (request.method === 'GET') {
    await provider.interactionDetails(request, response);
    const page = `<form method="post" action="${request.url}"><input name="login"><input name="password" type="password"></form>`;
    response.writeHead(200, { 'content-type': 'text/html', 'content-length': page.length }).end(page);
    return;
  }
  let body = '';
  for await (const part of request) body += part;
  const form = new URLSearchParams(body);
  if (!await verify(passwordHash, form.get('password') ?? '')) {
    response.writeHead(401, { 'content-length': 0 }).end();
    return;
  }
  await provider.interactionFinished(request, response, { login: { accountId: form.get('login') } });
}

http.createServer((request, response) => {
  if (!request.url.startsWith('/sign-in/')) return answer(request, response);
  return signIn(request, response).catch(() => response.writeHead(500, { 'content-length': 0 }).end());
}).listen(Number(PORT), '127.0.0.1');
