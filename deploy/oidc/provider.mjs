// An OpenID Connect provider for demonstrations and tests: oidc-provider with accounts out of a file.
//
//   node provider.mjs MODULES FILE
//
// MODULES is the folder of node_modules, FILE a JSON file of mode 600 (hub_ext/cli/setup/oidc.py says what is in it).
// Accounts are read anew for each question, so that whoever edits the file sees what a provider's administrator
// causes. SIGHUP makes new signing keys; sessions and tokens stay. Everything is kept in memory only.
import { createHash, generateKeyPairSync, randomBytes, timingSafeEqual } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { createServer } from 'node:http'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'

const [modules, file] = process.argv.slice(2)
const { default: Provider } = await import(pathToFileURL(join(modules, 'oidc-provider/lib/index.js')))
const read = () => JSON.parse(readFileSync(file, 'utf8'))
const settings = read()
const cookieKey = randomBytes(32).toString('hex')
const SCOPES = 'openid profile email groups offline_access'

// --- what is kept, by model; a provider with new keys goes on with it ---
const kept = new Map()
class Kept {
  constructor (model) { this.model = model }
  key (id) { return `${this.model}:${id}` }
  async upsert (id, payload, expiresIn) {
    kept.set(this.key(id), { payload, ends: expiresIn ? Date.now() + expiresIn * 1000 : Infinity })
  }
  async find (id) {
    const held = kept.get(this.key(id))
    return held && held.ends > Date.now() ? held.payload : undefined
  }
  async findByUid (uid) {
    for (const [key, { payload }] of kept) if (key.startsWith(`${this.model}:`) && payload.uid === uid) return payload
  }
  async findByUserCode () {}
  async consume (id) { kept.get(this.key(id)).payload.consumed = Math.floor(Date.now() / 1000) }
  async destroy (id) { kept.delete(this.key(id)) }
  async revokeByGrantId (grantId) {
    for (const [key, { payload }] of kept) if (payload.grantId === grantId) kept.delete(key)
  }
}

// --- who there is ---
function account (sub) {
  const found = Object.entries(read().accounts).find(([, held]) => held.sub === sub)
  if (!found) return undefined
  const [username, { name, email, groups }] = found
  const claims = { sub, preferred_username: username, name, email }
  if (groups) claims.groups = groups // left out: the provider says nothing about groups
  return { accountId: sub, claims: async () => claims }
}

function subjectOf (username, password) {
  const hash = text => createHash('sha256').update(text).digest()
  const held = Object.hasOwn(read().accounts, username) ? read().accounts[username] : undefined
  return timingSafeEqual(hash(String(held?.password)), hash(password)) && held ? held.sub : undefined
}

// --- the sign-in page ---
const escaped = text => text.replace(/[&<>"]/g, c => ({ '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;' })[c])
const page = (uid, username, failed) => `<!doctype html><html lang="en"><meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1"><title>Demo provider</title>
<style>body{font:1.1rem sans-serif;max-width:22rem;margin:4rem auto;padding:0 1rem}label,input,button{display:block;width:100%;
box-sizing:border-box;font:inherit;margin:.4rem 0}button{padding:.5rem}</style>
<h1>Demo provider</h1>${failed ? '<p role="alert">Wrong username or password. <span lang="fr">Nom ou mot de passe incorrect.</span></p>' : ''}
<form method="post" action="/interaction/${uid}"><label for="u">Username <span lang="fr">/ Nom d’utilisateur</span></label>
<input id="u" name="username" autocomplete="username" value="${escaped(username)}" required autofocus>
<label for="p">Password <span lang="fr">/ Mot de passe</span></label>
<input id="p" name="password" type="password" autocomplete="current-password" required>
<button>Sign in <span lang="fr">/ Se connecter</span></button></form></html>`

async function formOf (request) {
  let body = ''
  for await (const chunk of request) if ((body += chunk).length > 10_000) throw new Error('too long')
  return new URLSearchParams(body)
}

async function interaction (ctx, next, provider) {
  if (!ctx.path.startsWith('/interaction/')) return next()
  const { uid, prompt } = await provider.interactionDetails(ctx.req, ctx.res)
  if (prompt.name !== 'login') ctx.throw(400, `unexpected prompt ${prompt.name}`)
  const form = ctx.method === 'POST' ? await formOf(ctx.req) : undefined
  const username = form?.get('username') ?? ''
  const accountId = form && subjectOf(username, form.get('password') ?? '')
  if (accountId) {
    ctx.respond = false
    return provider.interactionFinished(ctx.req, ctx.res, { login: { accountId } })
  }
  ctx.set('Cache-Control', 'no-store')
  ctx.type = 'html'
  ctx.body = page(uid, username, Boolean(form))
}

// The one client is the institution's own: nobody is asked whether it may know them.
async function grantOf (ctx) {
  const { client, session, provider } = ctx.oidc
  const known = session.grantIdFor(client.clientId)
  const grant = (known && await provider.Grant.find(known)) ||
    new provider.Grant({ clientId: client.clientId, accountId: session.accountId })
  grant.addOIDCScope(SCOPES)
  await grant.save()
  return grant
}

function provider () {
  const { privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 })
  const key = { ...privateKey.export({ format: 'jwk' }), alg: 'RS256', use: 'sig', kid: randomBytes(8).toString('hex') }
  const { seconds } = settings
  const made = new Provider(settings.issuer, {
    adapter: Kept,
    jwks: { keys: [key] },
    cookies: { keys: [cookieKey] },
    clients: [{
      ...settings.client,
      grant_types: ['authorization_code', 'refresh_token'],
      token_endpoint_auth_method: 'client_secret_basic'
    }],
    findAccount: (ctx, sub) => account(sub),
    claims: { openid: ['sub'], profile: ['name', 'preferred_username'], email: ['email'], groups: ['groups'] },
    scopes: SCOPES.split(' '),
    conformIdTokenClaims: !settings.claims_in_id_token, // false as with Microsoft Entra and ADFS
    features: { devInteractions: { enabled: false }, revocation: { enabled: true } },
    interactions: { url: (ctx, { uid }) => `/interaction/${uid}` },
    loadExistingGrant: grantOf,
    issueRefreshToken: async () => true,
    expiresWithSession: async () => false, // work that runs overnight outlives the browser's session
    rotateRefreshToken: true,
    ttl: {
      AccessToken: seconds.access_token,
      IdToken: seconds.id_token,
      RefreshToken: seconds.refresh_token,
      Session: 86_400,
      Grant: 30 * 86_400,
      Interaction: 3_600
    }
  })
  made.use((ctx, next) => interaction(ctx, next, made))
  return made.callback()
}

let answer = provider()
process.on('SIGHUP', () => { answer = provider() })
const { hostname, port } = new URL(settings.issuer)
createServer((request, response) => answer(request, response)).listen(Number(port), hostname)
