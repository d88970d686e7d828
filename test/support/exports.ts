// Owns what other systems write when everybody leaves them: small exports, each with one row that is wrong.
import { pbkdf2Sync } from 'node:crypto'
import { hashSync as argon2Sync } from '@node-rs/argon2'
import { hashSync as bcryptSync } from '@node-rs/bcrypt'

export const password = 'a-password-from-before'

const salt = Buffer.from('salt-of-16-bytes')

/** As Keycloak stores it: JSON in two texts. */
function credentialOf(algorithm: string): object {
  const digest = algorithm.replace('pbkdf2-', '')
  const value = pbkdf2Sync(password, salt, 27_500, 64, digest === 'pbkdf2' ? 'sha1' : digest).toString(
    'base64',
  )
  return {
    type: 'password',
    secretData: JSON.stringify({ value, salt: salt.toString('base64'), additionalParameters: {} }),
    credentialData: JSON.stringify({ hashIterations: 27_500, algorithm, additionalParameters: {} }),
  }
}

function argon2Credential(): object {
  const options = { memoryCost: 7168, timeCost: 5, parallelism: 1, outputLen: 32, salt }
  const [hashed = '', salted = ''] = argon2Sync(password, options).split('$').reverse()
  const padded = (text: string) => text.padEnd(Math.ceil(text.length / 4) * 4, '=')
  return {
    type: 'password',
    secretData: JSON.stringify({ value: padded(hashed), salt: padded(salted), additionalParameters: {} }),
    credentialData: JSON.stringify({
      hashIterations: 5,
      algorithm: 'argon2',
      additionalParameters: {
        hashLength: ['32'],
        memory: ['7168'],
        type: ['id'],
        version: ['1.3'],
        parallelism: ['1'],
      },
    }),
  }
}

export const keycloak = JSON.stringify(
  {
    realm: 'acme',
    enabled: true,
    groups: [
      { name: 'Guild', path: '/Guild', subGroups: [{ name: 'Labs', path: '/Guild/Labs', subGroups: [] }] },
      { name: 'guild', path: '/guild', subGroups: [] },
    ],
    users: [
      {
        id: '7b1c2d3e-0000-4000-8000-00000000000a',
        username: 'kim',
        email: 'kim@keycloak.test',
        emailVerified: true,
        enabled: true,
        createdTimestamp: 1_600_000_000_000,
        firstName: 'Kim',
        lastName: 'Clark',
        attributes: { locale: ['de'] },
        credentials: [credentialOf('pbkdf2-sha256')],
        realmRoles: ['default-roles-acme', 'offline_access', 'admin', 'Editor'],
        groups: ['/Guild', '/Guild/Labs'],
      },
      {
        username: 'lee@keycloak.test',
        email: 'lee@keycloak.test',
        emailVerified: false,
        enabled: true,
        credentials: [argon2Credential()],
        groups: ['/guild'],
      },
      {
        username: 'old',
        email: 'old@keycloak.test',
        enabled: true,
        credentials: [credentialOf('pbkdf2')],
      },
      {
        username: 'ann',
        email: 'ann@keycloak.test',
        credentials: [credentialOf('pbkdf2-sha512')],
        enabled: false,
      },
      { username: 'service-account-api', serviceAccountClientId: 'api', enabled: true },
    ],
    clients: [
      { clientId: 'account', redirectUris: ['/realms/acme/account/*'] },
      {
        clientId: 'web',
        name: 'Web',
        enabled: true,
        secret: 'secret-of-web-as-keycloak-made-it',
        redirectUris: ['https://web.example/callback'],
        webOrigins: ['+', 'https://web.example'],
        serviceAccountsEnabled: true,
        standardFlowEnabled: true,
        attributes: { 'post.logout.redirect.uris': 'https://web.example/' },
      },
      { clientId: 'wild', publicClient: true, redirectUris: ['https://wild.example/*'] },
      { clientId: 'old', protocol: 'saml' },
      { clientId: 'api', bearerOnly: true },
    ],
  },
  null,
  2,
)

export const logto = JSON.stringify(
  {
    users: [
      {
        id: 'abcdefghijkl',
        username: 'lou',
        primaryEmail: 'lou@logto.test',
        primaryPhone: '441234567890',
        name: 'Lou Reed',
        profile: { givenName: 'Lou', familyName: 'Reed', address: { country: 'US', postalCode: '10001' } },
        createdAt: 1_700_000_000_000,
        passwordEncrypted: argon2Sync(password, { algorithm: 1, memoryCost: 4096, timeCost: 3 }),
        passwordEncryptionMethod: 'Argon2i',
        isSuspended: false,
        roles: [{ name: 'user' }],
      },
      {
        id: 'mnopqrstuvwx',
        primaryEmail: 'bad@logto.test',
        passwordEncrypted: '5f4dcc3b5aa765d61d8327deb882cf99',
        passwordEncryptionMethod: 'MD5',
      },
    ],
    organizations: [
      {
        id: 'org1',
        name: 'Команда',
        users: [{ id: 'abcdefghijkl', organizationRoles: [{ name: 'Admin' }] }],
      },
    ],
    applications: [
      {
        id: 'spa1',
        name: 'Spa',
        secret: 'internal:of-no-use',
        type: 'SPA',
        oidcClientMetadata: { redirectUris: ['https://spa.example/cb'], postLogoutRedirectUris: [] },
        customClientMetadata: { corsAllowedOrigins: ['https://spa.example'] },
      },
    ],
  },
  null,
  1,
)

const lines = (values: readonly object[]): string =>
  values.map((value) => `${JSON.stringify(value)}\n`).join('')

/** The hashes first, then the profiles, as somebody gets who puts both files into one. */
export const auth0 = lines([
  {
    _id: { $oid: '60425dc43519d90068f82973' },
    email_verified: false,
    email: 'Zoe@auth0.test',
    passwordHash: bcryptSync(password, 4).replace(/^\$2.\$/, '$2b$'),
    password_set_date: { $date: '2021-03-05T16:34:44.502Z' },
    tenant: 'acme',
    connection: 'Username-Password-Authentication',
    _tmp_is_unique: true,
  },
  { _id: { $oid: '60425dc43519d90068f82974' }, email: 'yan@auth0.test', passwordHash: '$2b$10$cut-short' },
  {
    user_id: 'auth0|60425dc43519d90068f82973',
    email: 'zoe@auth0.test',
    email_verified: true,
    name: 'Zoe',
    created_at: '2021-03-05T16:34:44.502Z',
  },
  { user_id: 'google-oauth2|1', email: 'zoe@auth0.test', email_verified: true, name: 'Zoe again' },
  { user_id: 'auth0|3', email: 'xia@auth0.test', email_verified: 'false', blocked: true },
])

export const csv = [
  'email,name,email_verified,password_hash,roles,address.country',
  `vic@csv.test,"Vic, the ""Great""",yes,${bcryptSync(password, 4)},editor reader,FR`,
  'uma@csv.test,Uma,maybe,,,',
  'ted@csv.test,"Ted\nof two lines",no,,,',
  'sue@csv.test,Sue,no,,,,one cell too many',
  '',
  'ray@csv.test,Ray,false,,,',
].join('\r\n')
