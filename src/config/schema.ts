// Owns every setting: its name, type, default and one line of documentation.
// .env.example and docs/config.md are generated from this table; config/load.ts reads the environment by it.
import { X509Certificate } from 'node:crypto'
import { isIP } from 'node:net'
import { z } from 'zod'
import { readPrivateKey } from '../kernel/private-keys.ts'
import { languages } from './languages.ts'

const flag = z
  .enum(['on', 'off', '1', '0', 'true', 'false'], { error: 'must be on or off' })
  .transform((text) => ['on', '1', 'true'].includes(text))

const integer = (least: number, most: number) => {
  const error = `must be a whole number from ${least} to ${most}`
  return z
    .string()
    .regex(/^\d{1,12}$/, { error })
    .transform(Number)
    .refine((value) => value >= least && value <= most, { error })
}
const port = integer(1, 65_535)
const seconds = integer(1, 315_360_000)
const oneOf = <const Names extends readonly [string, ...string[]]>(...names: Names) =>
  z.enum(names, { error: `must be one of ${names.join(', ')}` })

// Foyer's routes begin at the root, so an issuer is an origin; the URL class makes it canonical.
const origin = z
  .string()
  .refine(isOrigin, { error: 'must be like https://id.example.com: http or https, no path, query or user' })
  .transform((text) => new URL(text).origin)

function isOrigin(text: string): boolean {
  const url = URL.parse(text)
  if (!url || !/^https?:$/.test(url.protocol) || url.hostname.endsWith('.')) return false
  return `${url.protocol}//${url.host}/` === url.href && !/[?#]/.test(text)
}

function connection(...protocols: string[]) {
  const error = `must be a URL that begins with ${protocols.map((name) => `${name}//`).join(' or ')}`
  return z.string().refine((text) => protocols.includes(URL.parse(text)?.protocol ?? ''), { error })
}

const mailbox = z
  .string()
  .refine((text) => parseMailbox(text) !== undefined, { error: 'must be like Foyer <no-reply@example.com>' })

const sealingKey = z.string().refine((text) => /^[A-Za-z0-9+/]{43}=$/.test(text), {
  error: 'must be 32 bytes in base64: make one with `openssl rand -base64 32`',
})

const signingKey = z.string().superRefine((pem, context) => {
  const found = readPrivateKey(pem)
  if ('problem' in found) context.addIssue({ code: 'custom', message: found.problem })
})

const headerName = z
  .string()
  .regex(/^[A-Za-z][A-Za-z0-9-]{1,63}$/, { error: 'must be the name of a header, like X-Client-Certificate' })
  .transform((text) => text.toLowerCase())

const networks = z
  .string()
  .transform((text) => text.split(',').map((network) => network.trim()))
  .refine((list) => list.every(isNetwork), {
    error: 'must be addresses or networks with commas between them, like 10.0.0.5, fd00::/8',
  })

function isNetwork(text: string): boolean {
  const [, address = '', prefix] = /^([0-9A-Fa-f.:]+)(?:\/(\d{1,3}))?$/.exec(text) ?? []
  const bits = isIP(address) === 6 ? 128 : 32
  return isIP(address) !== 0 && Number(prefix ?? bits) <= bits
}

const pemBlock = /-----BEGIN CERTIFICATE-----[\s\S]+?-----END CERTIFICATE-----/g
const certificates = z
  .string()
  .transform((text) => text.match(pemBlock) ?? [])
  .refine((blocks) => blocks.length > 0 && blocks.every(isCertificate), {
    error: 'must be certificates in PEM',
  })

function isCertificate(pem: string): boolean {
  try {
    return new X509Certificate(pem).ca
  } catch {
    return false
  }
}

/** Takes `Name <address>` or a bare address apart; undefined when it is neither. */
export function parseMailbox(text: string): { name: string; address: string } | undefined {
  const match = /^(?:([^<>"\p{Cc}]*)<([^<>]+)>|([^<>]+))$/u.exec(text.trim())
  const address = match?.[2] ?? match?.[3]
  if (!address || !/^[\w.!#$%&'*+/=?^`{|}~-]+@[a-z0-9.-]+$/i.test(address)) return undefined
  return { name: match?.[1]?.trim() ?? '', address }
}

/** What some of the world may do: everybody, nobody, or the hosts that are named. */
const openTo = z
  .string()
  .transform((text) => (text === 'open' || text === 'closed' ? text : namesIn(text)))
  .refine((to) => typeof to === 'string' || to.every(isHostName), {
    error: 'must be open, closed, or hosts with commas between them, like apps.example.com,example.org',
  })

const namesIn = (text: string): string[] => text.split(',').map((name) => name.trim().toLowerCase())
const isHostName = (name: string): boolean =>
  name.includes('.') && URL.parse(`https://${name}/`)?.host === name

export type Setting = {
  schema: z.ZodType
  doc: string
  /** What holds when it is not set, in words where it is derived. */
  fallback: string
  secret?: boolean
}

export const settings = {
  NODE_ENV: {
    schema: oneOf('development', 'production', 'test').default('development'),
    doc: 'development seeds the demo, opens /dev and listens on loopback; production does none of it.',
    fallback: 'development',
  },
  PORT: { schema: port.default(3000), doc: 'Port of the issuer, the pages and the APIs.', fallback: '3000' },
  HOST: {
    schema: z.string().min(1).optional(),
    doc: 'Address to listen on.',
    fallback: 'loopback (127.0.0.1 and ::1) in development, all addresses in production',
  },
  FOYER_ISSUER: {
    schema: origin.optional(),
    doc: 'The URL under which apps and browsers reach Foyer; the `iss` of every token.',
    fallback: 'http://localhost:PORT in development; required in production',
  },
  FOYER_DATA_DIR: {
    schema: z.string().min(1).default('data'),
    doc: 'Where the embedded database and generated keys live.',
    fallback: './data',
  },
  DATABASE_URL: {
    schema: connection('postgres:', 'postgresql:').optional(),
    doc: 'A PostgreSQL 15 or newer to use instead of the embedded one. TLS is verified outside loopback.',
    fallback: 'an embedded PostgreSQL in FOYER_DATA_DIR',
    secret: true,
  },
  FOYER_DATABASE_POOL_SIZE: {
    schema: integer(2, 200).default(14),
    doc: 'Connections to PostgreSQL that one process may hold.',
    fallback: '14',
  },
  REDIS_URL: {
    schema: connection('redis:', 'rediss:').optional(),
    doc: 'A Redis that speeds up caches and limits. No decision depends on it.',
    fallback: 'none: PostgreSQL alone',
    secret: true,
  },
  SMTP_URL: {
    schema: connection('smtp:', 'smtps:').optional(),
    doc: 'The mail server to send through. TLS is demanded and verified outside loopback, unless ?ignoreTLS=true.',
    fallback: 'none: in development mails appear at /dev/mail',
    secret: true,
  },
  FOYER_MAIL_FROM: {
    schema: mailbox.optional(),
    doc: 'Sender of every mail, as `Name <address>`.',
    fallback: 'Foyer <no-reply@ISSUER-HOST>',
  },
  FOYER_KEY_ENCRYPTION_KEY: {
    schema: sealingKey.optional(),
    doc: '32 bytes in base64 that seal the secrets in the database. `openssl rand -base64 32` makes one.',
    fallback:
      'generated into FOYER_DATA_DIR/keys with mode 0600 beside an embedded database; required with DATABASE_URL in production',
    secret: true,
  },
  FOYER_KEY_ENCRYPTION_KEY_OLD: {
    schema: sealingKey.optional(),
    doc: 'The key before FOYER_KEY_ENCRYPTION_KEY, which then opens only, until `foyer key reseal` has sealed everything anew.',
    fallback: 'none',
    secret: true,
  },
  FOYER_TRUSTED_PROXY_HOPS: {
    schema: integer(0, 10).default(0),
    doc: 'Reverse proxies in front of Foyer: how many entries of X-Forwarded-For, from the right, are theirs.',
    fallback: '0: the socket address is the client',
  },
  FOYER_TRUSTED_PROXIES: {
    schema: networks.optional(),
    doc: 'From where those proxies connect: addresses or networks, with commas between them. What any other peer says of a client is not believed.',
    fallback: 'whoever connects is a proxy when FOYER_TRUSTED_PROXY_HOPS is not 0',
  },
  FOYER_CLIENT_CERTIFICATE_HEADER: {
    schema: headerName.optional(),
    doc: 'The header in which the proxy hands over the certificate of a TLS client (RFC 9440, or PEM that is percent-encoded). It must take away what clients send there. Believed only of FOYER_TRUSTED_PROXIES.',
    fallback: 'none: no client proves itself by mutual TLS',
  },
  FOYER_CLIENT_CERTIFICATE_CA: {
    schema: certificates.optional(),
    doc: 'Authorities, in PEM, that vouch for clients with `tls_client_auth`: every one that issues such a certificate itself.',
    fallback: 'none: only certificates that clients registered themselves are taken',
  },
  FOYER_MTLS_ORIGIN: {
    schema: origin.optional(),
    doc: 'Where the proxy asks for certificates, told as `mtls_endpoint_aliases`. It passes requests on with the Host of FOYER_ISSUER.',
    fallback: 'none: the endpoints of the issuer are used',
  },
  FOYER_ACCESS_TOKEN_TTL: {
    schema: seconds.default(900),
    doc: 'Seconds an access token lives.',
    fallback: '900',
  },
  FOYER_REFRESH_TOKEN_TTL: {
    schema: seconds.default(2_592_000),
    doc: 'Seconds an unused refresh token lives; a family of them lives three times as long at most.',
    fallback: '2592000 (30 days)',
  },
  FOYER_ACCESS_TOKEN_ALG: {
    schema: oneOf('ES256', 'RS256', 'EdDSA', 'PS256').default('ES256'),
    doc: 'Signature of JWT access tokens (RFC 9068).',
    fallback: 'ES256',
  },
  FOYER_SIGNING_KEY: {
    schema: signingKey.optional(),
    doc: 'A private key of your own in PEM (RSA, P-256 or Ed25519). It signs from the first start on; later it becomes the next key, which `foyer key rotate` lets sign.',
    fallback: 'none: Foyer makes its keys',
    secret: true,
  },
  FOYER_KEY_ROTATION_DAYS: {
    schema: integer(0, 3650).default(90),
    doc: 'Days after which a signing key that Foyer made is replaced; 0 leaves it to `foyer key rotate`.',
    fallback: '90',
  },
  FOYER_LOGIN_LAYOUT: {
    schema: oneOf('identifier-first', 'single').default('identifier-first'),
    doc: 'Whether email and password are asked on two consecutive pages or on one.',
    fallback: 'identifier-first',
  },
  FOYER_PASSWORD_MIN_LENGTH: {
    schema: integer(8, 64).optional(),
    doc: 'Shortest password that is accepted.',
    fallback: '15 in production, 8 in development',
  },
  FOYER_PASSWORD_BLOCKLIST: {
    schema: flag.default(true),
    doc: 'Refuses the passwords that attackers try first.',
    fallback: 'on',
  },
  FOYER_PASSWORD_BREACH_URL: {
    schema: connection('https:').optional(),
    doc: 'A range service that knows leaked passwords by the first five digits of their SHA-1; the rest never leaves.',
    fallback: 'none: passwords are compared with the bundled list alone',
  },
  FOYER_AUDIT_RETENTION_DAYS: {
    schema: integer(31, 36_500).default(400),
    doc: 'Days the audit log keeps a fact; it goes with its whole month, once every day of that is older.',
    fallback: '400',
  },
  FOYER_REGISTRATION: {
    schema: oneOf('open', 'verified', 'closed').optional(),
    doc: 'Whether people sign up by themselves: at once, after a code by mail, or not at all.',
    fallback: 'verified in production, open in development',
  },
  FOYER_CLIENT_REGISTRATION: {
    schema: oneOf('open', 'token', 'closed').optional(),
    doc: 'Whether apps register by themselves at /oauth2/register (RFC 7591): everybody, with a token, or none.',
    fallback: 'closed in production, open in development',
  },
  FOYER_INITIAL_ACCESS_TOKEN: {
    schema: z.string().min(32, { error: 'must have at least 32 characters' }).optional(),
    doc: 'What an app shows to register when FOYER_CLIENT_REGISTRATION=token.',
    fallback: 'none',
    secret: true,
  },
  FOYER_CLIENT_DOCUMENTS: {
    schema: openTo.optional(),
    doc: 'Whether the id of an app may be the address of a document that describes it: of every host, of the hosts named here, or none.',
    fallback: 'closed in production, open in development',
  },
  FOYER_LOCALE: {
    schema: oneOf(...languages).default('en'),
    doc: 'Language of pages and mails when nothing tells a better one.',
    fallback: 'en',
  },
  FOYER_FIRST_PARTY: {
    schema: flag.optional(),
    doc: "Opens the JSON door at /auth, for an owner's own app with a sign-in form of its own.",
    fallback: 'on in development, off in production',
  },
  FOYER_FIRST_PARTY_LINK_URL: {
    schema: connection('https:', 'http:').optional(),
    doc: 'Where links in mails of the JSON door lead, with ?token= added.',
    fallback: "a page of Foyer's own that shows the code to type",
  },
  FOYER_PLAYGROUND_PORT: {
    schema: integer(0, 65_535).default(3001),
    doc: 'Port of the playground, a demo app to sign in to; 0 leaves it out. Development only.',
    fallback: '3001',
  },
  METRICS_PORT: {
    schema: port.optional(),
    doc: 'A listener of its own for /metrics; the main one then answers 404.',
    fallback: 'none: /metrics on the main listener',
  },
  METRICS_TOKEN: {
    schema: z.string().min(16, { error: 'must have at least 16 characters' }).optional(),
    doc: 'Bearer token that /metrics on the main listener asks for in production.',
    fallback: 'none: /metrics is closed on the main listener in production',
    secret: true,
  },
  LOG_LEVEL: {
    schema: oneOf('trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent').default('info'),
    doc: 'Least severe log line that is written to stderr.',
    fallback: 'info',
  },
  NO_COLOR: {
    schema: z.string().optional(),
    doc: 'Set to anything to get plain text on a terminal.',
    fallback: 'colours on a terminal',
  },
  FOYER_WORKER: {
    schema: oneOf('inside', 'none').default('inside'),
    doc: 'Whether jobs run inside this process; `none` when `node dist/src/worker.js` runs them.',
    fallback: 'inside',
  },
  FOYER_TEST_HOOKS: {
    schema: flag.default(false),
    doc: 'Opens what independent test benches need, such as POST /dev/clock. Refused in production and on public issuers.',
    fallback: 'off',
  },
} as const satisfies Record<string, Setting>

export type SettingName = keyof typeof settings
/** The settings as parsed, under their environment names. */
export type Settings = { [Name in SettingName]: z.output<(typeof settings)[Name]['schema']> }

/** What the rest of Foyer sees: settings with everything derived filled in. */
export type Config = {
  mode: 'development' | 'production'
  testHooks: boolean
  /** Canonical, without a trailing slash. */
  issuer: string
  /** The issuer is http on loopback: cookies carry neither Secure nor a prefix there. */
  insecureIssuer: boolean
  /** The empty host means every address, IPv6 too where there is any. */
  listen: { port: number; hosts: string[] }
  playgroundPort: number
  metrics: { port: number | undefined; token: string | undefined }
  trustedProxyHops: number
  /** Absent: whoever connects is the nearest of them. */
  trustedProxies: string[] | undefined
  /** Absent: no certificate of a client is believed. */
  mutualTls: { header: string; authorities: string[]; origin: string | undefined } | undefined
  /** Absolute. */
  dataDir: string
  /** Absent: the embedded PostgreSQL. */
  databaseUrl: string | undefined
  databasePoolSize: number
  redisUrl: string | undefined
  smtpUrl: string | undefined
  mailFrom: string
  /** Absent: generated into the data directory. */
  keyEncryptionKey: Buffer | undefined
  /** Opens only, while one key takes the place of the other. */
  otherKeyEncryptionKey: Buffer | undefined
  accessTokenTtlSeconds: number
  refreshTokenTtlSeconds: number
  accessTokenAlg: 'ES256' | 'RS256' | 'EdDSA' | 'PS256'
  /** PEM. */
  signingKey: string | undefined
  /** 0: by hand alone. */
  keyRotationDays: number
  loginLayout: 'identifier-first' | 'single'
  passwordMinLength: number
  passwordBlocklist: boolean
  /** Absent: no leaked passwords are looked up. */
  passwordBreachUrl: string | undefined
  auditRetentionDays: number
  registration: 'open' | 'verified' | 'closed'
  /** Of apps; with `token` whoever shows it. */
  clientRegistration: { mode: 'open' | 'token' | 'closed'; token: string | undefined }
  /** Of apps whose id is the address of a document; or the hosts of those. */
  clientDocuments: 'open' | 'closed' | readonly string[]
  /** Language when nothing tells a better one. */
  locale: Settings['FOYER_LOCALE']
  firstParty: { enabled: boolean; linkUrl: string | undefined }
  worker: 'inside' | 'none'
  log: { level: Settings['LOG_LEVEL']; color: boolean }
}
