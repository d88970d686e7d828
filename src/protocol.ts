// The composition root of the protocol: the provider that is in force, and what stands around it. No logic here.
import type Koa from 'koa'
import { rates } from './config/limits.ts'
import type { Config } from './config/schema.ts'
import { currentUnit, findUnit, type Origin, stage } from './features/artifacts/unit-of-work.ts'
import type { AuditEvent } from './features/audit/service.ts'
import { createAuthn } from './features/authn/service.ts'
import { createAsks } from './features/crossdevice/ask-service.ts'
import { createCrossDevice } from './features/crossdevice/service.ts'
import { createCrossDeviceStore } from './features/crossdevice/store.ts'
import { isFromSources, projectFolder } from './kernel/places.ts'
import { createAssertionKeys } from './oidc/assertion-keys.ts'
import { limitBegunRequests } from './oidc/begun-requests.ts'
import { limitBegunSignIns } from './oidc/begun-sign-ins.ts'
import { createHolderCheck } from './oidc/bound-tokens.ts'
import { createCibaFeature } from './oidc/ciba.ts'
import { createClaims } from './oidc/claims.ts'
import { createClientCertificates } from './oidc/client-certificates.ts'
import { appOf, createClientMetadata } from './oidc/client-metadata.ts'
import type { CookieKeys } from './oidc/cookies.ts'
import { createDeviceFlow } from './oidc/device.ts'
import { discover } from './oidc/discover.ts'
import { listen } from './oidc/events.ts'
import { followKeys } from './oidc/follow-keys.ts'
import { createFrontChannelLogout } from './oidc/front-channel-logout.ts'
import { createFirstPartyGrant } from './oidc/grants/first-party.ts'
import { createJwtBearer } from './oidc/grants/jwt-bearer.ts'
import { createTokenExchange } from './oidc/grants/token-exchange.ts'
import { loadSigningKeys } from './oidc/keys.ts'
import { createLive } from './oidc/live.ts'
import { createMetadataServer } from './oidc/metadata.ts'
import { tellMutualTls } from './oidc/mutual-tls.ts'
import { createOutgoing, type Outgoing } from './oidc/outgoing.ts'
import { createProvider } from './oidc/provider.ts'
import { createRequestSecurity } from './oidc/request-security.ts'
import { createResources, type Resources } from './oidc/resources.ts'
import { createRestart } from './oidc/restart.ts'
import { createScreens } from './oidc/screens.ts'
import { storedSigner } from './oidc/signer.ts'
import { createSubjects } from './oidc/subjects.ts'
import { createInnerSecret } from './oidc/token-desk.ts'
import { createTokenState, type StateOf } from './oidc/token-state.ts'
import { createVeiledSessions, type VeiledSessions } from './oidc/veiled-sessions.ts'
import { createMessages } from './platform/i18n.ts'
import { createLimiter } from './platform/limiter.ts'
import { loadTemplates } from './platform/templates.ts'
import type { Services } from './services.ts'
import { addressPrefix } from './web/address.ts'
import { createAssets } from './web/assets.ts'
import { browserCookies } from './web/browser.ts'
import { cookiePolicy } from './web/cookies.ts'
import { createRenderer } from './web/render.ts'
import type { DemoPerson } from './web/views.ts'

export type AppOptions = {
  config: Config
  services: Services
  pages: SharedPages
  /** Development only: offered as buttons, and not throttled under test hooks. */
  demoPeople: DemoPerson[]
  draining: () => boolean
}

/** Templates and assets, compiled once; the playground shares them. Those of the sources are read again when edited. */
export function createPages({ reload = isFromSources() }: { reload?: boolean } = {}) {
  const assets = createAssets(projectFolder('public'), { reload })
  const templates = loadTemplates(projectFolder('views'), { reload })
  const messages = createMessages(projectFolder('locales'), { reload })
  return { assets, templates, messages, renderer: createRenderer({ templates, assets, messages }) }
}

export type SharedPages = ReturnType<typeof createPages>

const isUnlimitedOf =
  ({ testHooks }: Pick<Config, 'testHooks'>, demoPeople: readonly DemoPerson[]) =>
  (email: string | null): boolean =>
    testHooks && demoPeople.some((person) => person.email === email)

/** The only door to a session, for pages and programs alike. */
function createSignIns({ config, services, demoPeople }: AppOptions) {
  const { accountStore, artifacts, audit, clock, db, outbox, passwords, sealer, telemetry } = services
  return createAuthn({
    db,
    clock,
    sealer,
    passwords,
    artifacts,
    accounts: accountStore,
    audit,
    outbox,
    layout: config.loginLayout,
    isUnlimited: isUnlimitedOf(config, demoPeople),
    observe: telemetry.countLogin,
  })
}

type GrantDeps = {
  outgoing: Outgoing
  claims: ReturnType<typeof createClaims>
  resources: Resources
  stateOf: StateOf
  standingBehind: VeiledSessions['standingBehind']
}

/** Grants beside those of oidc-provider. */
function createGrants({ config, services }: AppOptions, deps: GrantDeps) {
  const { claims, resources, outgoing } = deps
  const record = (event: AuditEvent) => stage(currentUnit(), services.audit.recordWrite(event))
  return {
    firstPartyGrant: createFirstPartyGrant({
      claims,
      resources,
      sessionTtlSeconds: config.refreshTokenTtlSeconds,
    }),
    tokenExchange: createTokenExchange({
      ...config,
      ...services,
      ...claims,
      ...deps,
      findClient: services.clientCache.find,
      record,
    }),
    jwtBearer: createJwtBearer({
      ...config,
      ...services,
      resources,
      findClient: services.clientCache.find,
      keysFor: createAssertionKeys({
        clock: services.clock,
        fetchKeys: outgoing.fetchKeys,
      }),
      record,
    }),
  }
}

/** What one device or app asks and a person decides elsewhere. */
function createCrossDevices({ config, services, demoPeople }: AppOptions) {
  const { accounts, clock, db } = services
  const limiter = createLimiter({ db })
  const store = createCrossDeviceStore(db)
  const crossDevice = createCrossDevice({ ...services, limiter, store })
  const asks = createAsks({
    ...services,
    limiter,
    store,
    issuer: config.issuer,
    isUnlimited: isUnlimitedOf(config, demoPeople),
  })
  return {
    crossDevice,
    asks,
    deviceFlow: createDeviceFlow({ crossDevice, limiter, clock }),
    limitBegun: limitBegunRequests({ limiter, clock }),
    ciba: createCibaFeature({ asks, accounts, clock }),
  }
}

/** What the protocol needs besides the provider itself. */
export function createProtocol(options: AppOptions) {
  const { config, services, pages } = options
  const { artifacts, clientCache } = services
  const cookies = cookiePolicy(config)
  const browser = browserCookies({ cookies })
  const findApp = async (id: string) => appOf(await clientCache.find(id))
  const { renderer } = pages
  const certificates = createClientCertificates({ config, clock: services.clock })
  const outgoing = createOutgoing({ clock: services.clock, call: services.outbound })
  const { veil, standingBehind } = createVeiledSessions(services)
  const claims = createClaims({ artifacts, findClient: clientCache.find, veil })
  const resources = createResources({
    accessTokenAlg: config.accessTokenAlg,
    findClient: clientCache.find,
    findApi: clientCache.findApi,
  })
  const restart = createRestart({
    issuer: config.issuer,
    artifacts,
    renderer,
    findClient: findApp,
    browserHash: browser.hash,
  })
  const subjectOf = createSubjects(services)
  const subjectFor = async (clientId: string, accountId: string) => {
    const client = await clientCache.find(clientId)
    if (!client) throw new Error(`${clientId} went while a person was named to it`)
    return subjectOf(client, accountId)
  }
  const stateOf = createTokenState({ ...services, findClient: clientCache.find, subjectOf, standingBehind })
  const frontChannel = createFrontChannelLogout({
    issuer: config.issuer,
    renderer,
    findClient: clientCache.find,
  })
  return {
    authn: createSignIns(options),
    cookies,
    browser,
    restart,
    screens: createScreens({ renderer, restart, artifacts, findApp, frontChannel, subjectFor }),
    claims,
    resources,
    security: createRequestSecurity({ ...services, certificates, outgoing }),
    checkHolder: createHolderCheck({ ...services, certificates, issuer: config.issuer }),
    ...createGrants(options, { claims, resources, stateOf, standingBehind, outgoing }),
    ...createCrossDevices(options),
    limitSignIns: limitBegunSignIns({ clock: services.clock, rate: rates['authorize.address'] }),
    innerSecret: createInnerSecret(),
    stateOf,
    subjectFor,
  }
}

export type Protocol = ReturnType<typeof createProtocol>

const networkOf = (origin: Origin | undefined): string | undefined =>
  origin?.address === undefined ? undefined : addressPrefix(origin.address)

async function adoptOwnKey(pem: string, { keyImport, log }: Services): Promise<void> {
  const { state, ...key } = await keyImport.adopt(pem)
  if (state === 'next')
    log.info({ event: 'keys.own_published', ...key }, `Let it sign: foyer key rotate --alg ${key.alg}`)
  if (state === 'retained' || state === 'gone')
    log.warn(
      { event: 'keys.own_retired', ...key },
      'the key of FOYER_SIGNING_KEY has been replaced and signs no more',
    )
}

export async function createLiveProvider(
  app: Koa,
  { config, services }: AppOptions,
  { cookieKeys, ...protocol }: Protocol & { cookieKeys: CookieKeys },
) {
  const { artifacts, audit, clientDocuments, clock, signingKeys, telemetry } = services
  const metadata = createMetadataServer({ clock, observe: telemetry.observeRequest })
  const findClient = (id: string) => clientDocuments.find(id, networkOf(findUnit()?.origin))
  const findMetadata = createClientMetadata({ findClient, clock })
  const findClientMetadata = async (id: string) => protocol.innerSecret.addTo(await findMetadata(id))
  if (config.signingKey !== undefined) await adoptOwnKey(config.signingKey, services)
  const live = await createLive({
    issuer: config.issuer,
    loadKeys: () => loadSigningKeys({ store: signingKeys, clock, accessTokenAlg: config.accessTokenAlg }),
    loadDetailTypes: services.apis.listDetailTypes,
    build: (keys, detailTypes) =>
      createProvider(
        {
          config,
          artifacts,
          cookieKeys,
          findClientMetadata,
          signerOf: storedSigner,
          detailTypes,
          ...protocol,
        },
        keys,
      ),
    listen: (provider) => listen(provider, { artifacts, audit, countTokens: telemetry.countToken }),
    publish: metadata.publish,
    discover: async (provider) => tellMutualTls(await discover(app, provider), config.mutualTls),
  })
  followKeys({ ...services, live })
  return { live, metadata }
}

export type LiveProvider = Awaited<ReturnType<typeof createLiveProvider>>['live']
