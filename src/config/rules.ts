// Owns the rules that need more than one setting: what may stand together, and what production asks for.
// What each setting may be by itself is schema.ts.
import { isLoopbackHost, isTestBenchHost } from './hosts.ts'
import type { SettingName, Settings } from './schema.ts'

export type Problem = { name: string; text: string }

/** Left out while a setting it uses is itself in error. */
export type Rule = { uses: SettingName[]; check: (values: Settings) => Problem[] }

export const isProduction = (values: Settings): boolean => values.NODE_ENV === 'production'
/** Production asks for a proof of the address; a demo on loopback lets people in at once. */
export const registrationOf = (values: Settings): 'open' | 'verified' | 'closed' =>
  values.FOYER_REGISTRATION ?? (isProduction(values) ? 'verified' : 'open')
const hostOf = (issuer: string): string => new URL(issuer).hostname
const problemIf = (holds: boolean, name: SettingName, text: string): Problem[] =>
  holds ? [{ name, text }] : []

export const rules: Rule[] = [
  {
    uses: ['NODE_ENV', 'FOYER_ISSUER'],
    check: (values) =>
      problemIf(
        isProduction(values) && !values.FOYER_ISSUER,
        'FOYER_ISSUER',
        'is required in production: set the URL under which apps and browsers reach Foyer',
      ),
  },
  {
    uses: ['FOYER_ISSUER'],
    check: ({ FOYER_ISSUER: issuer }) =>
      problemIf(
        issuer?.startsWith('http:') === true && !isLoopbackHost(hostOf(issuer)),
        'FOYER_ISSUER',
        'is http on a host that is not loopback: use https',
      ),
  },
  {
    uses: ['NODE_ENV', 'FOYER_ISSUER', 'FOYER_TEST_HOOKS'],
    check: (values) =>
      problemIf(
        !isProduction(values) &&
          !values.FOYER_TEST_HOOKS &&
          values.FOYER_ISSUER !== undefined &&
          !isLoopbackHost(hostOf(values.FOYER_ISSUER)),
        'FOYER_ISSUER',
        'is not loopback, and development mode has a demo whose passwords everybody knows: set NODE_ENV=production',
      ),
  },
  {
    uses: ['NODE_ENV', 'HOST', 'FOYER_TEST_HOOKS'],
    check: (values) =>
      problemIf(
        !isProduction(values) &&
          !values.FOYER_TEST_HOOKS &&
          values.HOST !== undefined &&
          !isLoopbackHost(values.HOST),
        'HOST',
        'is not loopback, and development mode has a demo whose passwords everybody knows: set NODE_ENV=production',
      ),
  },
  {
    uses: ['NODE_ENV', 'FOYER_REGISTRATION', 'SMTP_URL'],
    check: (values) =>
      problemIf(
        isProduction(values) && registrationOf(values) === 'verified' && !values.SMTP_URL,
        'FOYER_REGISTRATION',
        'is verified, which needs SMTP_URL to send codes with: set SMTP_URL, or FOYER_REGISTRATION=closed',
      ),
  },
  {
    uses: ['FOYER_CLIENT_REGISTRATION', 'FOYER_INITIAL_ACCESS_TOKEN'],
    check: ({ FOYER_CLIENT_REGISTRATION: mode, FOYER_INITIAL_ACCESS_TOKEN: token }) =>
      problemIf(
        mode === 'token' && token === undefined,
        'FOYER_CLIENT_REGISTRATION',
        'is token, which needs FOYER_INITIAL_ACCESS_TOKEN: make one with `openssl rand -base64 32`',
      ),
  },
  {
    uses: ['NODE_ENV', 'FOYER_TEST_HOOKS'],
    check: (values) =>
      problemIf(
        isProduction(values) && values.FOYER_TEST_HOOKS,
        'FOYER_TEST_HOOKS',
        'opens test doors and is refused in production: remove it',
      ),
  },
  {
    uses: ['FOYER_ISSUER', 'FOYER_TEST_HOOKS'],
    check: ({ FOYER_ISSUER: issuer, FOYER_TEST_HOOKS: hooks }) =>
      problemIf(
        hooks && issuer !== undefined && !isTestBenchHost(hostOf(issuer)),
        'FOYER_TEST_HOOKS',
        'is refused with this FOYER_ISSUER: its host must be loopback, in a private range, or end in .test or .internal',
      ),
  },
  {
    uses: ['NODE_ENV', 'DATABASE_URL', 'FOYER_KEY_ENCRYPTION_KEY'],
    check: (values) =>
      problemIf(
        isProduction(values) && values.DATABASE_URL !== undefined && !values.FOYER_KEY_ENCRYPTION_KEY,
        'FOYER_KEY_ENCRYPTION_KEY',
        'is required with DATABASE_URL in production: make one with `openssl rand -base64 32` and keep it safe',
      ),
  },
  {
    uses: ['FOYER_TRUSTED_PROXIES', 'FOYER_TRUSTED_PROXY_HOPS'],
    check: (values) =>
      problemIf(
        values.FOYER_TRUSTED_PROXIES !== undefined && values.FOYER_TRUSTED_PROXY_HOPS === 0,
        'FOYER_TRUSTED_PROXIES',
        'names proxies of which nothing is read: set FOYER_TRUSTED_PROXY_HOPS to how many stand in a row',
      ),
  },
  {
    uses: ['FOYER_CLIENT_CERTIFICATE_HEADER', 'FOYER_TRUSTED_PROXIES'],
    check: (values) =>
      problemIf(
        values.FOYER_CLIENT_CERTIFICATE_HEADER !== undefined && values.FOYER_TRUSTED_PROXIES === undefined,
        'FOYER_CLIENT_CERTIFICATE_HEADER',
        'would be believed of everybody who reaches the port: set FOYER_TRUSTED_PROXIES to where the proxy connects from',
      ),
  },
  {
    uses: ['FOYER_CLIENT_CERTIFICATE_HEADER', 'FOYER_CLIENT_CERTIFICATE_CA', 'FOYER_MTLS_ORIGIN'],
    check: (values) =>
      (['FOYER_CLIENT_CERTIFICATE_CA', 'FOYER_MTLS_ORIGIN'] as const).flatMap((name) =>
        problemIf(
          values[name] !== undefined && values.FOYER_CLIENT_CERTIFICATE_HEADER === undefined,
          name,
          'needs FOYER_CLIENT_CERTIFICATE_HEADER, or no certificate arrives',
        ),
      ),
  },
  {
    uses: ['FOYER_KEY_ENCRYPTION_KEY', 'FOYER_KEY_ENCRYPTION_KEY_OLD'],
    check: ({ FOYER_KEY_ENCRYPTION_KEY: key, FOYER_KEY_ENCRYPTION_KEY_OLD: old }) =>
      problemIf(
        old !== undefined && old === key,
        'FOYER_KEY_ENCRYPTION_KEY_OLD',
        'equals FOYER_KEY_ENCRYPTION_KEY: name the key before it, or remove this one',
      ),
  },
  {
    uses: ['NODE_ENV', 'PORT', 'METRICS_PORT', 'FOYER_PLAYGROUND_PORT'],
    check: (values) => [
      ...problemIf(values.METRICS_PORT === values.PORT, 'METRICS_PORT', 'equals PORT: choose another port'),
      ...problemIf(
        !isProduction(values) &&
          values.FOYER_PLAYGROUND_PORT !== 0 &&
          [values.PORT, values.METRICS_PORT].includes(values.FOYER_PLAYGROUND_PORT),
        'FOYER_PLAYGROUND_PORT',
        'is taken by PORT or METRICS_PORT: choose another port, or 0 to leave the playground out',
      ),
    ],
  },
]
