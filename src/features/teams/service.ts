// Owns teams: made, found, renamed, deleted. Who belongs to them is members-service.ts.
import { conflict, forbidden, notFound } from '../../kernel/errors.ts'
import type { Actor } from '../../kernel/events.ts'
import { type Page, pageOf, readPage } from '../../kernel/pages.ts'
import { newId } from '../../kernel/secrets.ts'
import type { Clock } from '../../kernel/time.ts'
import { assertVersion, nextVersion } from '../../kernel/versions.ts'
import { type Db, isUniqueViolation } from '../../platform/postgres.ts'
import type { Audit } from '../audit/service.ts'
import { type Access, accountOf, assertMay, standingFrom } from './access.ts'
import type { MemberStore } from './member-store.ts'
import { may } from './policy.ts'
import type { ChangeTeam, CreateTeam, Expected, ListTeams, OfTeam, Team } from './schema.ts'
import type { TeamStore } from './store.ts'
import { readTexts } from './texts-policy.ts'

export type TeamsDeps = {
  db: Pick<Db, 'inTransaction'>
  store: TeamStore
  memberStore: Pick<MemberStore, 'insert' | 'membershipsOf'>
  access: Access
  clock: Clock
  audit: Pick<Audit, 'record'>
}

export type Teams = ReturnType<typeof createTeams>

const longestSearch = 100

export function createTeams({ db, store, memberStore, access, clock, audit }: TeamsDeps) {
  /** A person owns what they make; what the operator or a program makes has no members yet. */
  async function create(actor: Actor, input: CreateTeam): Promise<Team> {
    const { slug, name, description = null } = readTexts(input)
    const now = clock.now()
    return withFreeSlug(() =>
      db.inTransaction(async (tx) => {
        assertMay(await access.standingOf(actor, null, tx), 'teams.create')
        const made = { id: newId(now), slug, name, description, createdAt: now, updatedAt: now }
        const team = await store.insert(tx, made)
        if (actor.kind === 'account') {
          const owner = { teamId: team.id, accountId: actor.id, role: 'owner', joinedAt: now }
          await memberStore.insert(tx, owner)
        }
        await audit.record(tx, { type: 'team.created', actor, details: { team: team.id } })
        return team
      }),
    )
  }

  const get = async (actor: Actor, { teamId }: OfTeam): Promise<Team> =>
    (await access.look(actor, teamId)).team

  async function getBySlug(slug: string): Promise<Team> {
    const team = await store.findBySlug(slug)
    if (!team) throw notFound('team_not_found')
    return team
  }

  /** A page of all teams, or of their own for those who may not see all. */
  async function list(actor: Actor, { search, ...options }: ListTeams = {}): Promise<Page<Team>> {
    const page = readPage(options)
    const wanted = search?.trim().slice(0, longestSearch)
    const key = { accountId: accountOf(actor), ...(wanted && { search: wanted }) }
    const { facts, all, own } = await store.list({ ...page, ...key })
    const maySeeAll = may(standingFrom(actor, facts), 'teams.list')
    if (!maySeeAll && actor.kind !== 'account') throw forbidden()
    return pageOf(maySeeAll ? all : own, page, ({ id }) => id)
  }

  async function update(
    actor: Actor,
    { teamId, expected, ...input }: OfTeam & ChangeTeam & Expected,
  ): Promise<Team> {
    const change = readTexts(input)
    return withFreeSlug(() =>
      db.inTransaction(async (tx) => {
        const { standing, team: before } = await access.enter(tx, actor, teamId)
        assertMay(standing, 'team.update')
        assertVersion(before.updatedAt, expected)
        const updatedAt = nextVersion(before.updatedAt, clock.now())
        const team = await store.update(tx, teamId, { ...change, updatedAt })
        const details = { team: teamId, fields: Object.keys(change) }
        await audit.record(tx, { type: 'team.updated', actor, details })
        return team
      }),
    )
  }

  async function remove(actor: Actor, { teamId }: OfTeam): Promise<void> {
    await db.inTransaction(async (tx) => {
      const { team, standing } = await access.enter(tx, actor, teamId)
      assertMay(standing, 'team.delete')
      await store.remove(tx, teamId)
      await audit.record(tx, { type: 'team.deleted', actor, details: { team: teamId, slug: team.slug } })
    })
  }

  const { findBySlug } = store
  const { membershipsOf } = memberStore
  return { create, get, getBySlug, findBySlug, list, update, remove, membershipsOf }
}

async function withFreeSlug<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work()
  } catch (cause) {
    if (isUniqueViolation(cause)) throw conflict('team_slug_taken', cause)
    throw cause
  }
}
