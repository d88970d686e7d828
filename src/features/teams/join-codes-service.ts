// Owns codes by which anybody who is told one joins a team: for events and classrooms, with an end and a number of uses.
import { createHmac } from 'node:crypto'
import { limits } from '../../config/limits.ts'
import { type FieldError, forbidden, gone, invalidInput, notFound, rateLimited } from '../../kernel/errors.ts'
import type { Actor } from '../../kernel/events.ts'
import { type Page, pageOf, readPage } from '../../kernel/pages.ts'
import { isId, newId, randomKey } from '../../kernel/secrets.ts'
import { after, type Clock } from '../../kernel/time.ts'
import type { Limiter } from '../../platform/limiter.ts'
import type { Db, Tx } from '../../platform/postgres.ts'
import type { Sealer } from '../../platform/sealer.ts'
import type { Audit } from '../audit/service.ts'
import { type Access, accountOf, assertMay, enteredBy, requireTeamId } from './access.ts'
import { roleOffered } from './invitation-policy.ts'
import type { JoinCodeStore, ShownJoinCode } from './join-code-store.ts'
import type { MemberStore } from './member-store.ts'
import type {
  CreateJoinCode,
  JoinCode,
  ListMembers,
  OfJoinCode,
  SeenJoinCode,
  Team,
  UseJoinCode,
} from './schema.ts'
import type { Sponsors } from './sponsors.ts'
import type { TeamStore } from './store.ts'

export type JoinCodesDeps = {
  db: Pick<Db, 'inTransaction'>
  store: JoinCodeStore
  memberStore: Pick<MemberStore, 'findRole' | 'holdActive' | 'insert'>
  teamStore: Pick<TeamStore, 'lock'>
  access: Access
  sponsors: Sponsors
  sealer: Pick<Sealer, 'seal' | 'open' | 'derive'>
  limiter: Pick<Limiter, 'take'>
  clock: Clock
  audit: Pick<Audit, 'record'>
}

export type JoinCodes = ReturnType<typeof createJoinCodes>

/** RFC 8628 §6.1: twenty letters that are not mistaken for each other and spell nothing. */
const letters = 'BCDFGHJKLMNPQRSTVWXZ'
/** 51 bits of chance. */
const codeLength = 12
const groups = /.{4}(?=.)/g

/** Unknown, expired, used up and revoked alike. */
const joinCodeGone = () => gone('join_code_gone')

export function createJoinCodes(deps: JoinCodesDeps) {
  const { db, store, memberStore, teamStore, access, sponsors, sealer, clock, audit } = deps
  const key = sealer.derive('join-code')
  const hmacOf = (code: string): Buffer => createHmac('sha256', key).update(code).digest()

  const present = ({ id, sealed, role, uses, maxUses, createdAt, expiresAt, revokedAt }: ShownJoinCode) => ({
    id,
    code: sealer.open(Buffer.from(sealed), placeOf(id)).toString('utf8'),
    role,
    uses,
    maxUses,
    state: stateOf({ revokedAt, expiresAt, uses, maxUses }, clock.now()),
    createdAt,
    expiresAt,
  })

  /** With the codes themselves, which are there to be shown around. */
  async function list(actor: Actor, { teamId, ...options }: ListMembers): Promise<Page<JoinCode>> {
    const page = readPage(options)
    const key = { teamId: requireTeamId(teamId), accountId: accountOf(actor) }
    const { rows, ...looked } = await store.list({ ...key, ...page })
    assertMay(enteredBy(actor, looked).standing, 'join_codes.list')
    return pageOf(rows.map(present), page, ({ id }) => id)
  }

  async function create(actor: Actor, input: CreateJoinCode): Promise<JoinCode> {
    const { teamId, role = 'member', maxUses, expiresAt } = input
    const createdAt = clock.now()
    assertBounded(input, createdAt)
    const code = drawCode()
    const id = newId(createdAt)
    return db.inTransaction(async (tx) => {
      const { standing } = await access.enter(tx, actor, teamId)
      assertMay(standing, 'join_codes.create')
      assertMay(standing, 'join_codes.create', { grants: await access.requireRole(teamId, role, tx) })
      const made = {
        id,
        teamId,
        sealed: sealer.seal(code, placeOf(id)),
        role,
        maxUses,
        creator: actor,
        creatorEpoch: await sponsors.epochOf(tx, actor),
        createdAt,
        expiresAt,
      }
      await store.insert(tx, { ...made, codeHmac: hmacOf(plain(code)) })
      const details = { team: teamId, join_code: id, role, max_uses: maxUses }
      await audit.record(tx, { type: 'team.join_code_created', actor, details })
      return present({ ...made, uses: 0, revokedAt: null })
    })
  }

  async function revoke(actor: Actor, { teamId, joinCodeId: id }: OfJoinCode): Promise<void> {
    await db.inTransaction(async (tx) => {
      const { standing } = await access.enter(tx, actor, teamId)
      assertMay(standing, 'join_codes.revoke')
      const done = isId(id) && (await store.revoke(tx, { id, teamId, now: clock.now() }))
      if (!done) throw notFound('join_code_not_found')
      await audit.record(tx, {
        type: 'team.join_code_revoked',
        actor,
        details: { team: teamId, join_code: id },
      })
    })
  }

  /** Before anything is compared: a code is short enough to be typed. */
  async function countTry({ id }: Person): Promise<void> {
    const taken = await deps.limiter.take([{ name: 'join.account', key: id }], clock.now())
    if (!taken.allowed) throw rateLimited(taken.retryAfterSeconds)
  }

  /** What a code is good for, to somebody who was told it; nothing for one that nobody made. It is not used. */
  async function peek(person: Person, { code }: UseJoinCode): Promise<SeenJoinCode | null> {
    await countTry(person)
    const found = await store.findFor(hmacOf(plain(code)), person.id)
    if (!found) return null
    const { team, expiresAt, isMember } = found
    return { team, expiresAt, state: isMember ? 'member' : stateOf(found, clock.now()) }
  }

  /** Who is in the team already stays as they are, and takes nobody's place. */
  async function use(actor: Actor, { code }: UseJoinCode): Promise<{ team: Team; role: string }> {
    if (actor.kind !== 'account') throw forbidden()
    await countTry(actor)
    const codeHmac = hmacOf(plain(code))
    const teamId = await store.findTeam(codeHmac)
    if (teamId === null) throw joinCodeGone()
    return db.inTransaction(async (tx) => {
      const team = await teamStore.lock(tx, teamId)
      if (!team || !(await memberStore.holdActive(tx, actor.id))) throw joinCodeGone()
      const there = await memberStore.findRole(tx, { teamId, accountId: actor.id })
      if (there !== undefined) return { team, role: there }
      return { team, role: await join(tx, { actor, teamId, codeHmac }) }
    })
  }

  /** A refusal rolls the use back. */
  async function join(tx: Tx, { actor, teamId, codeHmac }: Joining): Promise<string> {
    const now = clock.now()
    const used = await store.use(tx, { codeHmac, now })
    if (!used) throw joinCodeGone()
    const { standing, changed } = await sponsors.today(tx, {
      teamId,
      sponsor: used.creator,
      epoch: used.creatorEpoch,
    })
    const role = roleOffered({
      permission: 'join_codes.create',
      role: used.role,
      worth: await access.findRole(teamId, used.role, tx),
      inviter: standing,
      inviterChanged: changed,
    })
    if (role === null) throw joinCodeGone()
    await memberStore.insert(tx, { teamId, accountId: actor.id, role, joinedAt: now })
    const details = { team: teamId, role, join_code: used.id }
    await audit.record(tx, { type: 'team.member_added', actor, accountId: actor.id, details })
    return role
  }

  const sweep = (): Promise<number> => store.sweep(after(clock.now(), -limits.invitationKeptMs))

  return { list, create, revoke, peek, use, sweep }
}

type Person = Extract<Actor, { kind: 'account' }>
type Joining = { actor: Person; teamId: string; codeHmac: Buffer }

const placeOf = (id: string): string => `team_join_codes.${id}.sealed`

/** As people read it out: three groups of four. A byte that would favour some letters is drawn again. */
function drawCode(): string {
  let code = ''
  while (code.length < codeLength) {
    const [byte = 255] = randomKey(1)
    if (byte < letters.length * 12) code += letters[byte % letters.length]
  }
  return code.replace(groups, '$&-')
}

/** As it was typed, without what people and their keyboards put between the groups, and in letters of one width. */
const plain = (code: string): string =>
  code
    .normalize('NFKC')
    .toUpperCase()
    .replace(/[\s\p{Pd}\p{Cf}._]/gu, '')

type Life = Pick<ShownJoinCode, 'revokedAt' | 'expiresAt' | 'uses' | 'maxUses'>

function stateOf({ revokedAt, expiresAt, uses, maxUses }: Life, now: Date): JoinCode['state'] {
  if (revokedAt !== null) return 'revoked'
  if (expiresAt <= now) return 'expired'
  return uses >= maxUses ? 'used_up' : 'open'
}

/** Open to whoever hears of it, so it ends, and it makes nobody more than a member or what a team calls its own. */
function assertBounded({ role, maxUses, expiresAt }: CreateJoinCode, now: Date): void {
  const errors: FieldError[] = []
  if (role === 'owner' || role === 'admin') {
    errors.push({ pointer: '/role', code: 'role_invalid', detail: 'Invite owners and admins by mail.' })
  }
  if (!Number.isInteger(maxUses) || maxUses < 1 || maxUses > limits.joinCodeUses) {
    const detail = `Give a number from 1 to ${limits.joinCodeUses}.`
    errors.push({ pointer: '/max_uses', code: 'invalid', detail })
  }
  if (!(expiresAt > now) || expiresAt > after(now, limits.joinCodeMs)) {
    errors.push({ pointer: '/expires_at', code: 'invalid', detail: 'Give a time within the next 90 days.' })
  }
  if (errors.length > 0) throw invalidInput(errors)
}
