// The composition root of telling clients that sessions ended. No logic here.
import { limits } from './config/limits.ts'
import type { Config } from './config/schema.ts'
import type { SigningKeyStore } from './features/artifacts/signing-keys.ts'
import type { Audit } from './features/audit/service.ts'
import type { ClientCache } from './features/clients/cache.ts'
import type { Clock } from './kernel/time.ts'
import { createBackChannelLogout } from './oidc/back-channel-logout.ts'
import { createLogoutTokens } from './oidc/logout-tokens.ts'
import { createSubjects, type SubjectsDeps } from './oidc/subjects.ts'
import type { Log } from './platform/log.ts'
import { createOutbound } from './platform/outbound.ts'
import type { Queue } from './platform/queue.ts'

export type LogoutDeps = {
  config: Pick<Config, 'issuer' | 'testHooks'>
  clock: Clock
  queue: Queue
  log: Log
  audit: Audit
  clientCache: Pick<ClientCache, 'find'>
  signingKeys: Pick<SigningKeyStore, 'list'>
} & SubjectsDeps

export function createLogout({ config, clock, clientCache, signingKeys, sealer, ...deps }: LogoutDeps) {
  const { issuer, testHooks } = config
  return createBackChannelLogout({
    ...deps,
    findClient: clientCache.find,
    subjectOf: createSubjects({ sealer }),
    mint: createLogoutTokens({ issuer, clock, listKeys: signingKeys.list }),
    call: createOutbound({ testHooks, timeoutMs: limits.logoutTimeoutMs }),
  })
}
