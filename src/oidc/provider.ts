// Assembles oidc-provider's configuration from the files of this folder. No decisions here.
import type Koa from 'koa'
import type { Configuration } from 'oidc-provider'
import { Provider } from 'oidc-provider'
import { languages } from '../config/languages.ts'
import { limits } from '../config/limits.ts'
import type { Config } from '../config/schema.ts'
import type { Artifacts } from '../features/artifacts/service.ts'
import type { SigningKey } from '../features/artifacts/signing-keys.ts'
import { acrValues } from '../features/authn/next-step.ts'
import type { KnownDetailType } from '../features/clients/authorization-details.ts'
import { managementApi } from '../features/clients/first-party.ts'
import type { CookiePolicy } from '../web/cookies.ts'
import { createAccessTokenReader, jtiOf } from './access-tokens.ts'
import { createAdapter } from './adapter.ts'
import { pushRoutes } from './begun-requests.ts'
import { cibaRoutes, type createCibaFeature } from './ciba.ts'
import { claimsOfScopes, type createClaims } from './claims.ts'
import type { CookieKeys } from './cookies.ts'
import { type DeviceFlow, deviceFeature, deviceRoutes } from './device.ts'
import { frontChannelDiscovery } from './front-channel-logout.ts'
import { grantRefusal } from './grant-refusal.ts'
import type { FirstPartyGrant } from './grants/first-party.ts'
import type { JwtBearer } from './grants/jwt-bearer.ts'
import type { TokenExchange } from './grants/token-exchange.ts'
import { protocolMethods } from './methods.ts'
import { overridePrototypes } from './overrides.ts'
import * as policy from './policy.ts'
import { registrationMetadata } from './registration.ts'
import type { RequestSecurity } from './request-security.ts'
import type { Resources } from './resources.ts'
import { richRequests, withKnownTypes } from './rich-requests.ts'
import { logoutFeature, type Screens } from './screens.ts'
import { externalKey, type SignerOf } from './signer.ts'

export type ProviderDeps = {
  config: Config
  artifacts: Artifacts
  claims: ReturnType<typeof createClaims>
  resources: Resources
  screens: Screens
  security: RequestSecurity
  detailTypes: readonly KnownDetailType[]
  firstPartyGrant: FirstPartyGrant
  tokenExchange: TokenExchange
  jwtBearer: JwtBearer
  deviceFlow: DeviceFlow
  limitBegun: Koa.Middleware
  limitSignIns: Koa.Middleware
  ciba: ReturnType<typeof createCibaFeature>
  cookies: CookiePolicy
  cookieKeys: CookieKeys
  signerOf: SignerOf
  /** How a client knows a person. */
  subjectFor: (clientId: string, accountId: string) => Promise<string>
  findClientMetadata: (clientId: string) => Promise<Record<string, unknown> | undefined>
}

export const extraClientMetadata = [
  'first_party',
  'self_registered',
  'from_document',
  'access',
  'require_pkce',
  'email_methods',
  'default_resource',
  'secret_hashes',
  'allowed_cors_origins',
  'require_dpop_nonce',
  'profile',
  'frontchannel_logout_uri',
  'frontchannel_logout_session_required',
]

function features(deps: ProviderDeps): NonNullable<Configuration['features']> {
  const { resources, security, claims } = deps
  return {
    ...security.features,
    richAuthorizationRequests: richRequests(deps.detailTypes),
    devInteractions: { enabled: false },
    claimsParameter: { enabled: true },
    clientCredentials: { enabled: true },
    ciba: deps.ciba,
    deviceFlow: deviceFeature,
    introspection: { enabled: true, allowedPolicy: policy.mayIntrospect(claims.isAdmitted) },
    revocation: { enabled: true, allowedPolicy: policy.mayRevoke },
    rpInitiatedLogout: logoutFeature(deps.screens),
    backchannelLogout: { enabled: true },
    externalSigningSupport: { enabled: true, ack: 'experimental-01' },
    resourceIndicators: {
      enabled: true,
      getResourceServerInfo: resources.getResourceServerInfo,
      defaultResource: resources.defaultResource,
      useGrantedResource: resources.usesGrantedResource,
    },
  }
}

function cookies({ cookies: names, cookieKeys }: ProviderDeps): NonNullable<Configuration['cookies']> {
  const options = { httpOnly: true, sameSite: 'lax', secure: names.secure } as const
  return {
    names: {
      session: names.name('foyer_session', 'host'),
      interaction: names.name('foyer_interaction', 'path'),
      resume: names.name('foyer_resume', 'path'),
    },
    long: options,
    short: options,
    keys: cookieKeys as never,
  }
}

/** What oidc-provider does not say by itself. */
const discovery = (config: Config) => ({
  ...frontChannelDiscovery,
  ui_locales_supported: languages,
  // RFC 9728 §4
  protected_resources: [managementApi(config.issuer)],
  ...registrationMetadata(config),
})

const routes = {
  authorization: '/oauth2/authorize',
  token: '/oauth2/token',
  userinfo: '/oauth2/userinfo',
  jwks: '/oauth2/jwks',
  introspection: '/oauth2/introspect',
  revocation: '/oauth2/revoke',
  end_session: '/oauth2/logout',
  ...pushRoutes,
  ...deviceRoutes,
  ...cibaRoutes,
}

export function createProvider(deps: ProviderDeps, keys: readonly SigningKey[]): Provider {
  const { config, artifacts, claims, screens, security } = deps
  // The active key of an algorithm stands first: that is the one oidc-provider signs with.
  const inOrder = [...keys].sort(
    (left, right) => Number(right.state === 'active') - Number(left.state === 'active'),
  )

  const provider = new Provider(config.issuer, {
    ...security.options,
    adapter: createAdapter({
      artifacts,
      findClient: withKnownTypes(deps.findClientMetadata, deps.detailTypes),
    }),
    acrValues,
    // OIDC Core §3.1.2.1 requires redirect_uri; one that is sent twice must not become the registered one.
    allowOmittingSingleRegisteredRedirectUri: false,
    claims: { ...claimsOfScopes, acr: null, amr: null, sid: null, auth_time: null, iss: null },
    clientBasedCORS: (_ctx, origin, client) => policy.mayCallFrom(client, origin),
    clockTolerance: limits.clockToleranceSeconds,
    cookies: cookies(deps),
    discovery: discovery(config),
    enabledJWA: security.algs,
    extraClientMetadata: { properties: extraClientMetadata },
    extraTokenClaims: claims.extraTokenClaims,
    features: features(deps),
    findAccount: claims.findAccount,
    formats: {
      customizers: {
        jwt: (_ctx, token, jwt) => {
          jwt.payload.jti = jtiOf(claims.standingOf(token), String(jwt.payload.jti))
          Object.assign(jwt.payload, deps.tokenExchange.claimsOf(token))
        },
      },
    },
    interactions: { policy: policy.prompts(), url: (_ctx, interaction) => `/interaction/${interaction.uid}` },
    issueRefreshToken: policy.issueRefreshToken,
    jwks: { keys: inOrder.map((key) => externalKey(key, deps.signerOf)) },
    loadExistingGrant: policy.loadExistingGrant,
    pairwiseIdentifier: (_ctx, accountId, client) => deps.subjectFor(client.clientId, accountId),
    pkce: { required: policy.pkceRequired },
    renderError: screens.renderError,
    responseTypes: ['code'],
    revokeGrantPolicy: policy.revokeGrantPolicy,
    routes,
    sectorIdentifierUriValidate: () => false,
    subjectTypes: ['public', 'pairwise'],
    ttl: policy.lifetimes(config),
  })
  overridePrototypes(provider, artifacts)
  deps.firstPartyGrant.register(provider)
  deps.jwtBearer.register(provider)
  deps.tokenExchange.register(provider, createAccessTokenReader(keys, config.issuer))
  provider.use(protocolMethods as never)
  provider.use(grantRefusal as never)
  provider.use(deps.limitBegun as never)
  provider.use(deps.limitSignIns as never)
  deps.deviceFlow.attach(provider)
  screens.attach(provider)
  return provider
}
