// Makes jose_vectors.h: tokens signed by npm jose with keys of its own. In an empty folder: npm i jose@5, then
// node make.mjs > jose_vectors.h
import { SignJWT, exportJWK, exportSPKI, generateKeyPair } from 'jose';

const claims = { userId: 'u-1', tenantId: 't-1', organizationId: 'o-1', roles: ['operator', 'admin'] };
const times = { iat: 1767225600, exp: 4102444800 };
const secret = new TextEncoder().encode('a secret of thirty-two bytes or so');
const token = (alg, key, more = {}) =>
  new SignJWT({ ...claims, ...more, ...times }).setProtectedHeader({ alg, typ: 'JWT', ...(alg.startsWith('HS') ? {} : { kid: `key-${alg}` }) }).sign(key);

const jwks = [];
const rows = [];
for (const alg of ['HS256', 'HS384', 'HS512']) rows.push([alg, await token(alg, secret), '']);
for (const alg of ['RS256', 'RS384', 'RS512', 'ES256', 'ES384', 'EdDSA']) {
  const { publicKey, privateKey } = await generateKeyPair(alg, { crv: alg === 'EdDSA' ? 'Ed25519' : undefined });
  jwks.push({ ...(await exportJWK(publicKey)), kid: `key-${alg}`, alg, use: 'sig' });
  rows.push([alg, await token(alg, privateKey), await exportSPKI(publicKey)]);
}

const raw = (text) => `R"(${text.trim()})"`;
console.log(`#pragma once
// Made by make.mjs with npm jose. Claims: ${JSON.stringify({ ...claims, ...times })}

namespace sparc::auth::vectors {

struct JoseVector {
  const char* algorithm;
  const char* token;
  const char* pem;  // of the public key; empty: the secret
};

inline constexpr const char* jose_secret = "${new TextDecoder().decode(secret)}";
inline constexpr const char* jose_jwks = ${raw(JSON.stringify({ keys: jwks }))};
inline constexpr JoseVector jose_vectors[] = {
${rows.map(([alg, text, pem]) => `    {"${alg}", "${text}", ${raw(pem)}},`).join('\n')}
};

}  // namespace sparc::auth::vectors`);
