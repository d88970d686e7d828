// Owns who belongs to a team and in which role. Tokens and pages learn it through membershipsOf.
import { conflict, type FieldError, invalidInput, notFound } from '../../kernel/errors.ts'
import type { Actor } from '../../kernel/events.ts'
import { newId } from '../../kernel/secrets.ts'
import type { Clock } from '../../kernel/time.ts'
import { type Db, isUniqueViolation } from '../../platform/postgres.ts'
import type { Accounts } from '../accounts/service.ts'
import type { Audit } from '../audit/service.ts'
import type { Role, Team, TeamStore } from './store.ts'

export type TeamsDeps = {
  db: Pick<Db, 'inTransaction'>
  store: TeamStore
  clock: Clock
  accounts: Pick<Accounts, 'getActive'>
  audit: Pick<Audit, 'record'>
}

export type CreateTeam = { slug: string; name: string; description?: string }
export type AddMember = { teamId: string; accountId: string; role: Role }
export type Teams = ReturnType<typeof createTeams>

const slugShape = /^[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?$/
const longestName = 200

export function createTeams({ db, store, clock, accounts, audit }: TeamsDeps) {
  async function create(actor: Actor, input: CreateTeam): Promise<Team> {
    const name = input.name.trim()
    assertNamed(input.slug, name)
    const now = clock.now()
    const description = input.description ?? null
    try {
      return await db.inTransaction(async (tx) => {
        const team = { id: newId(now), slug: input.slug, name, description, createdAt: now }
        const created = await store.insert(tx, team)
        await audit.record(tx, { type: 'team.created', actor, details: { team: created.id } })
        return created
      })
    } catch (cause) {
      if (isUniqueViolation(cause)) throw conflict('team_slug_taken', cause)
      throw cause
    }
  }

  async function getBySlug(slug: string): Promise<Team> {
    const team = await store.findBySlug(slug)
    if (!team) throw notFound('team_not_found')
    return team
  }

  async function addMember(actor: Actor, { teamId, accountId, role }: AddMember): Promise<void> {
    await accounts.getActive(accountId)
    try {
      await db.inTransaction(async (tx) => {
        if (!(await store.lock(tx, teamId))) throw notFound('team_not_found')
        await store.insertMember(tx, { teamId, accountId, role, joinedAt: clock.now() })
        await audit.record(tx, {
          type: 'team.member_added',
          actor,
          accountId,
          details: { team: teamId, role },
        })
      })
    } catch (cause) {
      if (isUniqueViolation(cause)) throw conflict('already_member', cause)
      throw cause
    }
  }

  return { create, getBySlug, findBySlug: store.findBySlug, addMember, membershipsOf: store.membershipsOf }
}

function assertNamed(slug: string, name: string): void {
  const errors: FieldError[] = []
  if (!slugShape.test(slug)) {
    const detail = 'Use lower-case letters, digits and hyphens, 63 characters at most.'
    errors.push({ pointer: '/slug', code: 'slug_invalid', detail })
  }
  if (name === '' || name.length > longestName || /[\p{Cc}\p{Bidi_Control}\p{Cs}]/u.test(name)) {
    errors.push({
      pointer: '/name',
      code: 'name_invalid',
      detail: `Give a name of at most ${longestName} characters.`,
    })
  }
  if (errors.length > 0) throw invalidInput(errors)
}
