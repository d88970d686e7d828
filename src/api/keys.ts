// Owns the routes about the keys that sign.
import { z } from 'zod'
import { limits } from '../config/limits.ts'
import type { SigningKey } from '../features/artifacts/signing-keys.ts'
import type { KeyRotation } from '../oidc/key-rotation.ts'
import type { Permission } from './caller.ts'
import { listRoute, pageOf, type Route, route } from './route.ts'

export type KeyRoutesDeps = { keyRotation: Pick<KeyRotation, 'list' | 'rotate'> }

const permission: Permission = { scope: 'keys:rotate', reach: 'installation' }

const moment = z.iso.datetime().nullable()

export const Key = z.object({
  kid: z.string(),
  alg: z.string(),
  state: z.enum(['next', 'active', 'retained']),
  published_at: moment,
  /** Since when it signs. */
  activated_at: moment,
  /** Until when it verifies what it signed. */
  retained_until: moment,
  /** Brought along by the operator; no schedule replaces it. */
  imported: z.boolean(),
})
const Keys = z.object({ data: z.array(Key), next_cursor: z.null() })

const Rotate = z.strictObject({
  /** Of every algorithm when none is named. */
  alg: z.enum(['RS256', 'PS256', 'ES256', 'EdDSA']).optional(),
  /** The active key is compromised: it leaves the JWKS at once, and what it signed is worth nothing. */
  emergency: z.boolean().default(false),
})

const present = ({ kid, alg, state, publishedAt, activatedAt, retainUntil, imported }: SigningKey) => ({
  kid,
  alg,
  state,
  published_at: publishedAt?.toISOString() ?? null,
  activated_at: activatedAt?.toISOString() ?? null,
  retained_until: retainUntil?.toISOString() ?? null,
  imported,
})

export function keyRoutes({ keyRotation }: KeyRoutesDeps): Route[] {
  return [
    listRoute({
      path: '/keys',
      summary:
        'The keys that sign, will sign or have signed what still lives; their public part is in the JWKS.',
      permission,
      limit: 'api.read',
      item: Key,
      list: async (_, page) => pageOf((await keyRotation.list()).map(present), page),
    }),
    route({
      method: 'POST',
      path: '/keys/rotate',
      summary: 'Lets the next key sign and publishes a new next one; answers with the keys as they are then.',
      permission,
      signInWithin: limits.freshSignInSeconds,
      limit: 'api.write',
      body: Rotate,
      answer: { status: 200, schema: Keys },
      async handle({ caller, body }) {
        const keys = await keyRotation.rotate(caller.actor, body)
        return { body: { data: keys.map(present), next_cursor: null } }
      },
    }),
  ]
}
