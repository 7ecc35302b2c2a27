// A provider of OpenID Connect for tests: npm's `oidc-provider`, which lets everybody in who has an account here, and lies as told.
//
//     node provider.js PORT CLIENTS
//
// CLIENTS are clients as the provider's own configuration writes them (JSON). Orders come in by stdin, a line each (JSON), and each is
// answered by a line when it holds:
//
//     {"account": "anna", "claims": {"email": "…", "email_verified": true, "name": "…"}}
//     {"lie": "nonce"}        what it says from now on at /token, or at /me; null: the truth again
//     {"at": "/token", "fails": "garbage"}   how it answers there from now on; null: as it should
//
// Its keys are made when it starts. Ends when stdin does.
'use strict';

const crypto = require('crypto');
const path = require('path');
const readline = require('readline');
const { pathToFileURL } = require('url');

// What it says of itself must not be taken for an answer.
console.info = console.warn;
const [port, clients] = process.argv.slice(2);
const accounts = new Map();
const fails = new Map();
let lie = null;

const { privateKey } = crypto.generateKeyPairSync('rsa', { modulusLength: 2048 });
const stranger = crypto.generateKeyPairSync('rsa', { modulusLength: 2048 }).privateKey;
const key = { ...privateKey.export({ format: 'jwk' }), use: 'sig', alg: 'RS256', kid: crypto.randomUUID() };

// Much more than anybody would read.
const HUGE = 'x'.repeat(64 << 20);
// How a token is not what the provider would have said, signed with its own key all the same.
const LIES = {
    nonce: (claims) => sign({ ...claims, nonce: 'another' }),
    audience: (claims) => sign({ ...claims, aud: 'somebody-else' }),
    issuer: (claims) => sign({ ...claims, iss: 'https://elsewhere.example' }),
    expired: (claims) => sign({ ...claims, iat: claims.iat - 7200, exp: claims.iat - 3600 }),
    signature: (claims) => sign(claims, stranger),
    none: (claims) => `${encoded({ alg: 'none' })}.${encoded(claims)}.`,
    hmac: (claims, secret) => {
        const signed = `${encoded({ alg: 'HS256' })}.${encoded(claims)}`;
        return `${signed}.${crypto.createHmac('sha256', secret).update(signed).digest('base64url')}`;
    },
    nothing: () => undefined,
};
// What it says of an account, when that is not what it would have said.
const LIES_OF_ACCOUNTS = { userinfo: (told) => ({ ...told, sub: 'somebody-else' }) };
// How a server that is no provider, or a broken one, answers.
const FAILURES = {
    garbage: (ctx) => { ctx.type = 'html'; ctx.body = '<html>It works!</html>'; },
    huge: (ctx) => { ctx.type = 'json'; ctx.body = `{"x":"${HUGE}"}`; },
    error: (ctx) => { ctx.status = 500; ctx.body = 'oops'; },
    unavailable: (ctx) => { ctx.status = 503; ctx.body = { error: 'temporarily_unavailable' }; },
    refusal: (ctx) => { ctx.status = 400; ctx.body = { error: 'invalid_request' }; },
    redirect: (ctx) => { ctx.status = 302; ctx.set('location', '/elsewhere'); ctx.body = ''; },
    silence: () => new Promise(() => {}),
};

function encoded(part) {
    return Buffer.from(JSON.stringify(part)).toString('base64url');
}

function sign(claims, by = privateKey) {
    const signed = `${encoded({ alg: 'RS256', typ: 'JWT', kid: key.kid })}.${encoded(claims)}`;
    return `${signed}.${crypto.sign('sha256', Buffer.from(signed), by).toString('base64url')}`;
}

function lied(body) {
    const claims = JSON.parse(Buffer.from(body.id_token.split('.')[1], 'base64url'));
    return { ...body, id_token: LIES[lie](claims, JSON.parse(clients)[0].client_secret) };
}

async function serve() {
    const installed = path.join(process.env.NODE_PATH, 'oidc-provider/lib/index.js');
    const { default: Provider } = await import(pathToFileURL(installed));
    const provider = new Provider(`http://127.0.0.1:${port}`, {
        clients: JSON.parse(clients),
        jwks: { keys: [key] },
        cookies: { keys: [crypto.randomUUID()] },
        claims: { openid: ['sub'], email: ['email', 'email_verified'], profile: ['name', 'given_name', 'family_name', 'locale'] },
        features: { devInteractions: { enabled: true } },
        pkce: { required: () => true },
        findAccount: (_, id) => ({ accountId: id, claims: () => ({ sub: id, ...accounts.get(id) }) }),
    });
    provider.use(async (ctx, next) => {
        const fail = fails.get(ctx.path);
        if (ctx.path === '/elsewhere') {
            process.exit(1); // Nobody is to follow.
        }
        await (fail ? FAILURES[fail](ctx) : next());
        if (lie in LIES && ctx.path === '/token' && ctx.body?.id_token) {
            ctx.body = lied(ctx.body);
        } else if (lie in LIES_OF_ACCOUNTS && ctx.path === '/me' && ctx.body?.sub) {
            ctx.body = LIES_OF_ACCOUNTS[lie](ctx.body);
        }
    });
    provider.listen(Number(port), '127.0.0.1');
}

readline.createInterface({ input: process.stdin })
    .on('line', (line) => {
        const order = JSON.parse(line);
        if (order.account) {
            accounts.set(order.account, order.claims);
        } else if (order.at) {
            fails.set(order.at, order.fails);
        } else {
            lie = order.lie;
        }
        process.stdout.write('understood\n');
    })
    .on('close', () => process.exit(0));

serve();
