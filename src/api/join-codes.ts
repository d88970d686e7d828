// Owns the routes about join codes of a team: shown, made and taken back. People use them at /join.
import { z } from 'zod'
import type { JoinCodes } from '../features/teams/join-codes-service.ts'
import { type JoinCode, RoleName } from '../features/teams/schema.ts'
import { dateOf } from '../kernel/time.ts'
import { type Permission, scopedActor } from './caller.ts'
import { ById, Id, listRoute, noBody, type Route, route } from './route.ts'

export type JoinCodeRoutesDeps = {
  joinCodes: Pick<JoinCodes, 'list' | 'create' | 'revoke'>
  /** Where a code is used, with the code. */
  joinUrl: (code: string) => string
}

const read: Permission = { scope: 'teams:read', reach: 'own' }
const write: Permission = { scope: 'teams:write', reach: 'own' }

const ByJoinCode = z.strictObject({ id: Id, join_code_id: Id })
/** What the numbers and times may be is said by the service. */
const NewJoinCode = z.strictObject({
  role: RoleName.default('member'),
  max_uses: z.int(),
  expires_at: z.iso.datetime(),
})

export const JoinCodeShown = z.object({
  id: z.uuid(),
  code: z.string(),
  url: z.string(),
  role: z.string(),
  uses: z.int(),
  max_uses: z.int(),
  state: z.enum(['open', 'used_up', 'expired', 'revoked']),
  created_at: z.iso.datetime(),
  expires_at: z.iso.datetime(),
})

export function joinCodeRoutes({ joinCodes, joinUrl }: JoinCodeRoutesDeps): Route[] {
  const present = (joinCode: JoinCode): z.input<typeof JoinCodeShown> => {
    const { id, code, role, uses, maxUses, state, createdAt, expiresAt } = joinCode
    return {
      id,
      code,
      url: joinUrl(code),
      role,
      uses,
      max_uses: maxUses,
      state,
      created_at: createdAt.toISOString(),
      expires_at: expiresAt.toISOString(),
    }
  }

  return [
    listRoute({
      path: '/teams/:id/join-codes',
      summary: 'Join codes of a team, with the codes themselves, and how many have used them.',
      permission: read,
      limit: 'api.read',
      params: ById,
      item: JoinCodeShown,
      async list({ caller, params }, page) {
        const { data, nextCursor } = await joinCodes.list(scopedActor(caller), { teamId: params.id, ...page })
        return { data: data.map(present), nextCursor }
      },
    }),
    route({
      method: 'POST',
      path: '/teams/:id/join-codes',
      summary: 'Makes a code by which whoever is told it joins, so many of them, for 90 days at most.',
      permission: write,
      limit: 'api.write',
      params: ById,
      body: NewJoinCode,
      answer: { status: 201, schema: JoinCodeShown },
      async handle({ caller, params, body: { role, max_uses: maxUses, expires_at } }) {
        const asked = { teamId: params.id, role, maxUses, expiresAt: dateOf(expires_at) }
        const made = await joinCodes.create(scopedActor(caller), asked)
        return { body: present(made), location: `/teams/${params.id}/join-codes/${made.id}` }
      },
    }),
    route({
      method: 'DELETE',
      path: '/teams/:id/join-codes/:join_code_id',
      summary: 'Takes a join code back; who joined by it stays.',
      permission: write,
      limit: 'api.write',
      params: ByJoinCode,
      answer: { status: 204, schema: noBody },
      async handle({ caller, params: { id, join_code_id } }) {
        await joinCodes.revoke(scopedActor(caller), { teamId: id, joinCodeId: join_code_id })
        return { body: undefined }
      },
    }),
  ]
}
