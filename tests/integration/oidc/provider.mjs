// An OpenID Connect provider (the package oidc-provider) on loopback. Its one argument is a JSON object:
//   port            0: any free one; the line `ready 127.0.0.1:PORT` says which
//   host            name in the issuer
//   certificate, key  files, for https; http without them
//   accounts        by login name: {password, claims}
//   client_authentication  how clients show their secret, the one way that is offered
//   id_token_claims whether claims of the scopes are in the ID token too, or at the userinfo endpoint alone
//   scopes          further claims, by scope
// The first line of standard input is a list of client metadata (RFC 7591): until it comes, requests wait.
// A user who signs in is asked for a name and a password, and not for consent.
import { createServer as createHttp } from 'node:http';
import { createServer as createHttps } from 'node:https';
import { generateKeyPairSync, randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { createInterface } from 'node:readline';
import Provider from 'oidc-provider';

const options = JSON.parse(process.argv[2]);
const ALGORITHMS = ['RS256', 'RS384', 'RS512', 'PS256', 'PS384', 'PS512', 'ES256', 'ES384', 'ES512', 'EdDSA'];
const MAX_FORM_BYTES = 16 * 1024;

function signingKeys() {
  const kinds = [['rsa', { modulusLength: 2048 }], ['ec', { namedCurve: 'P-256' }], ['ec', { namedCurve: 'P-384' }],
    ['ec', { namedCurve: 'P-521' }], ['ed25519', {}]];
  return kinds.map(([kind, details]) => {
    const { privateKey } = generateKeyPairSync(kind, details);
    return { ...privateKey.export({ format: 'jwk' }), kid: `${kind}-${randomBytes(4).toString('hex')}`, use: 'sig' };
  });
}

const escaped = (text) => text.replace(/[&<>"']/g, (c) => `&#${c.charCodeAt(0)};`);

function signInPage(uid, error) {
  return `<!doctype html><html lang="en"><head><meta charset="utf-8"><title>Example provider</title></head><body>
<h1>Example provider</h1><p id="error">${escaped(error)}</p>
<form method="post" action="/interaction/${escaped(uid)}">
<input name="login" autocomplete="username"><input name="password" type="password">
<button type="submit">Sign in</button></form></body></html>`;
}

async function formOf(request) {
  let body = '';
  for await (const chunk of request) {
    body += chunk;
    if (body.length > MAX_FORM_BYTES) throw new Error('the form is too large');
  }
  return new URLSearchParams(body);
}

function configuration(clients) {
  return {
    clients,
    jwks: { keys: signingKeys() },
    cookies: { keys: [randomBytes(32).toString('hex')] },
    claims: {
      openid: ['sub'],
      email: ['email', 'email_verified'],
      profile: ['name', 'preferred_username'],
      ...options.scopes,
    },
    clientAuthMethods: [options.client_authentication],
    conformIdTokenClaims: !options.id_token_claims,
    enabledJWA: { idTokenSigningAlgValues: ALGORITHMS, userinfoSigningAlgValues: ALGORITHMS },
    features: {
      devInteractions: { enabled: false }, rpInitiatedLogout: { enabled: true }, jwtUserinfo: { enabled: true },
    },
    pkce: { required: () => true, methods: ['S256'] },
    interactions: { url: (_, interaction) => `/interaction/${interaction.uid}` },
    findAccount: (_, id) => {
      const account = options.accounts[id];
      return account && { accountId: id, claims: () => ({ sub: id, ...account.claims }) };
    },
    loadExistingGrant: async (ctx) => {
      const { client, session, provider, params } = ctx.oidc;
      const grant = new provider.Grant({ clientId: client.clientId, accountId: session.accountId });
      grant.addOIDCScope(params.scope);
      await grant.save();
      return grant;
    },
    ttl: { Session: 3600, Grant: 3600, Interaction: 600, AccessToken: 600, IdToken: 600 },
  };
}

async function interact(provider, request, response) {
  const uid = request.url.split('/')[2];
  const page = (status, error) => {
    response.writeHead(status, { 'Content-Type': 'text/html; charset=utf-8' });
    response.end(signInPage(uid, error));
  };
  if (request.method !== 'POST') return page(200, '');
  const form = await formOf(request);
  const login = form.get('login') ?? '';
  const account = Object.hasOwn(options.accounts, login) ? options.accounts[login] : undefined;
  if (!account || account.password !== form.get('password')) return page(401, 'Wrong name or password.');
  return provider.interactionFinished(request, response, { login: { accountId: login } },
    { mergeWithLastSubmission: false });
}

const tls = options.certificate && { cert: readFileSync(options.certificate), key: readFileSync(options.key) };
const server = tls ? createHttps(tls) : createHttp();
server.listen(options.port ?? 0, '127.0.0.1', () => {
  const { port } = server.address();
  const issuer = `${tls ? 'https' : 'http'}://${options.host ?? '127.0.0.1'}:${port}`;
  const started = new Promise((resolve) => {
    createInterface({ input: process.stdin }).once('line', (line) => {
      resolve(new Provider(issuer, configuration(JSON.parse(line))));
    });
  });
  server.on('request', (request, response) => {
    started.then((provider) => (request.url.startsWith('/interaction/')
      ? interact(provider, request, response) : provider.callback()(request, response))).catch((error) => {
      console.error(error);
      response.statusCode = 500;
      response.end();
    });
  });
  console.log(`ready 127.0.0.1:${port}`);
});
for (const signal of ['SIGTERM', 'SIGINT']) process.on(signal, () => process.exit(0));
