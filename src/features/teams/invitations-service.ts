// Owns invitations to a team by mail: sent, sent again, taken back, accepted once by whoever proved the address.
// What one is worth when it is accepted is invitation-policy.ts.
import { limits } from '../../config/limits.ts'
import { forbidden, gone, notFound, rateLimited } from '../../kernel/errors.ts'
import type { Actor } from '../../kernel/events.ts'
import { type Page, pageOf, readPage } from '../../kernel/pages.ts'
import { hashSecret, isId, issueSecret, newId } from '../../kernel/secrets.ts'
import { after, type Clock } from '../../kernel/time.ts'
import type { Limiter, LimitKey } from '../../platform/limiter.ts'
import type { Db, Tx } from '../../platform/postgres.ts'
import { requireEmail } from '../accounts/email.ts'
import type { Audit } from '../audit/service.ts'
import { maskEmail } from '../challenges/policy.ts'
import type { OutboxMail } from '../outbox/schema.ts'
import { type Access, accountOf, assertMay, enteredBy, requireTeamId } from './access.ts'
import { roleOffered } from './invitation-policy.ts'
import type { InvitationStore, Invited, StoredInvitation } from './invitation-store.ts'
import type { MemberStore } from './member-store.ts'
import { type Role, type Standing, teamRole } from './policy.ts'
import type {
  AcceptInvitation,
  Invitation,
  Invite,
  ListMembers,
  OfInvitation,
  SeenInvitation,
  Team,
} from './schema.ts'
import type { Sponsors } from './sponsors.ts'
import type { TeamStore } from './store.ts'

export type InvitationsDeps = {
  db: Pick<Db, 'inTransaction'>
  store: InvitationStore
  memberStore: Pick<MemberStore, 'findRole' | 'holdActive' | 'insert'>
  teamStore: Pick<TeamStore, 'findById' | 'lock'>
  access: Access
  sponsors: Sponsors
  limiter: Pick<Limiter, 'take'>
  sendMail: (tx: Tx, mail: OutboxMail) => Promise<void>
  clock: Clock
  audit: Pick<Audit, 'record'>
  issuer: string
}

export type Invitations = ReturnType<typeof createInvitations>

/** Unknown, expired, used and another's alike. */
const invitationGone = () => gone('invitation_gone')

export function createInvitations(deps: InvitationsDeps) {
  const { db, store, memberStore, teamStore, access, sponsors, clock, audit } = deps

  const present = ({ id, email, role, state, createdAt, expiresAt }: Invited): Invitation => ({
    id,
    email,
    role,
    state: state === 'pending' && expiresAt <= clock.now() ? 'expired' : state,
    createdAt,
    expiresAt,
  })

  async function list(actor: Actor, { teamId, ...options }: ListMembers): Promise<Page<Invitation>> {
    const page = readPage(options)
    const key = { teamId: requireTeamId(teamId), accountId: accountOf(actor) }
    const { rows, ...looked } = await store.list({ ...key, ...page })
    assertMay(enteredBy(actor, looked).standing, 'invitations.list')
    return pageOf(rows.map(present), page, ({ id }) => id)
  }

  /** By the address alone, so that it tells nothing about who has it. */
  async function limitMails(actor: Actor, emailCanonical: string): Promise<void> {
    const keys: LimitKey[] = [{ name: 'invitation.address', key: emailCanonical }]
    if (actor.kind === 'account') keys.push({ name: 'invitation.inviter', key: actor.id })
    const taken = await deps.limiter.take(keys, clock.now())
    if (!taken.allowed) throw rateLimited(taken.retryAfterSeconds)
  }

  /** What every mail of an invitation brings along: a token of its own, and who stands behind it now. */
  async function mailIn(tx: Tx, actor: Actor, { team, email, emailCanonical }: Mailing) {
    const inviterId = actor.kind === 'account' ? actor.id : null
    const known = await store.findCorrespondents(tx, { emailCanonical, inviterId })
    const { secret, hash: tokenHash } = issueSecret('foyer_invitation')
    const expiresAt = after(clock.now(), limits.invitationMs)
    await deps.sendMail(tx, {
      to: email,
      language: known.locale ?? known.inviterLocale ?? '',
      template: 'team_invitation',
      values: {
        url: `${deps.issuer}/invitation?token=${secret}`,
        team: team.name,
        until: expiresAt.toISOString(),
      },
      expiresAt,
    })
    return { tokenHash, inviter: actor, inviterEpoch: known.inviterEpoch, expiresAt }
  }

  /** Answers alike whether the address has an account or not. An invitation that waits is replaced by a newer one. */
  async function create(actor: Actor, { teamId, email: text, role }: Invite): Promise<Invitation> {
    const email = requireEmail(text)
    const { standing } = await access.look(actor, teamId)
    assertMay(standing, 'invitations.create')
    assertMay(standing, 'invitations.create', { grants: await access.requireRole(teamId, role) })
    // Outside the transaction, since it takes a connection of its own; and after the question who asks
    await limitMails(actor, email.canonical)
    return db.inTransaction(async (tx) => {
      const entered = await access.enter(tx, actor, teamId)
      const grants = await access.requireRole(teamId, role, tx)
      assertMay(entered.standing, 'invitations.create', { grants })
      const before = await store.findPending(tx, { teamId, emailCanonical: email.canonical })
      if (before) await revokeIn(tx, { actor, standing: entered.standing, invitation: before })
      const address = { email: email.address, emailCanonical: email.canonical }
      const mailed = await mailIn(tx, actor, { team: entered.team, ...address })
      const createdAt = clock.now()
      const made = {
        ...address,
        ...mailed,
        id: newId(createdAt),
        teamId,
        role,
        state: 'pending',
        createdAt,
      } as const
      await store.insert(tx, made)
      await record(tx, 'team.invitation_sent', { actor, invitation: made })
      return present(made)
    })
  }

  async function revokeIn(tx: Tx, { actor, standing, invitation }: Revocation): Promise<void> {
    assertMay(standing, 'invitations.revoke', { grants: await worthOf(tx, invitation) })
    await store.close(tx, invitation.id, 'revoked')
    await record(tx, 'team.invitation_revoked', { actor, invitation })
  }

  const worthOf = async (tx: Tx, { teamId, role }: About['invitation']): Promise<Role> =>
    (await access.findRole(teamId, role, tx)) ?? teamRole('member')

  async function getPending(tx: Tx, { teamId, invitationId: id }: OfInvitation): Promise<StoredInvitation> {
    const invitation = isId(id) ? await store.find(tx, { id, teamId }) : null
    if (!invitation) throw notFound('invitation_not_found')
    if (invitation.state !== 'pending') throw invitationGone()
    return invitation
  }

  async function resendable(tx: Tx, actor: Actor, about: OfInvitation) {
    const { standing, team } = await access.enter(tx, actor, about.teamId)
    assertMay(standing, 'invitations.resend')
    const invitation = await getPending(tx, about)
    assertMay(standing, 'invitations.resend', { grants: await worthOf(tx, invitation) })
    return { team, invitation }
  }

  /** Also of one that expired. From then on whoever sent it again stands behind it. */
  async function resend(actor: Actor, about: OfInvitation): Promise<Invitation> {
    const asked = await db.inTransaction((tx) => resendable(tx, actor, about))
    // Outside a transaction, as above
    await limitMails(actor, asked.invitation.emailCanonical)
    return db.inTransaction(async (tx) => {
      const { team, invitation } = await resendable(tx, actor, about)
      const mailed = await mailIn(tx, actor, { ...invitation, team })
      await store.renew(tx, invitation.id, mailed)
      await record(tx, 'team.invitation_resent', { actor, invitation })
      return present({ ...invitation, ...mailed })
    })
  }

  async function revoke(actor: Actor, about: OfInvitation): Promise<void> {
    await db.inTransaction(async (tx) => {
      const { standing } = await access.enter(tx, actor, about.teamId)
      assertMay(standing, 'invitations.revoke')
      await revokeIn(tx, { actor, standing, invitation: await getPending(tx, about) })
    })
  }

  /** What a link is about, without spending it: whoever holds it has read the mail. */
  async function peek({ token }: AcceptInvitation, reader?: Reader): Promise<SeenInvitation> {
    const invitation = await store.findByToken(hashSecret(token))
    const team = invitation && (await teamStore.findById(invitation.teamId))
    if (!team) throw invitationGone()
    const { state, role, expiresAt } = present(invitation)
    const isForReader = reader?.emailCanonical === invitation.emailCanonical
    const emailMasked = maskEmail(invitation.email)
    return { team: team.name, emailMasked, isForReader, role, state, expiresAt }
  }

  async function acceptIn(
    tx: Tx,
    accountId: string,
    { token, teamId }: AcceptInvitation & { teamId: string },
  ) {
    const team = await teamStore.lock(tx, teamId)
    if (!team || !(await memberStore.holdActive(tx, accountId))) return null
    const now = clock.now()
    const invitation = await store.accept(tx, { tokenHash: hashSecret(token), teamId, accountId, now })
    if (!invitation) return null
    const actor = { kind: 'account', id: accountId } as const
    const { standing, changed } = await sponsors.today(tx, {
      teamId,
      sponsor: invitation.inviter,
      epoch: invitation.inviterEpoch,
    })
    const worth = await access.findRole(teamId, invitation.role, tx)
    const role = roleOffered({
      permission: 'invitations.create',
      role: invitation.role,
      worth,
      inviter: standing,
      inviterChanged: changed,
    })
    if (role === null) {
      await store.close(tx, invitation.id, 'void')
      await record(tx, 'team.invitation_voided', { actor, invitation })
      return null
    }
    await record(tx, 'team.invitation_accepted', { actor, invitation })
    return { team, role: await join(tx, { actor, teamId, role }) }
  }

  /** A role that is there already stays: an invitation neither raises nor lowers it. */
  async function join(tx: Tx, { actor, teamId, role }: Joining): Promise<string> {
    const accountId = actor.id
    const there = await memberStore.findRole(tx, { teamId, accountId })
    if (there !== undefined) return there
    await memberStore.insert(tx, { teamId, accountId, role, joinedAt: clock.now() })
    const details = { team: teamId, role }
    await audit.record(tx, { type: 'team.member_added', actor, accountId, details })
    return role
  }

  /** Nothing but the token counts: the role is the one of the invitation. */
  async function accept(actor: Actor, { token }: AcceptInvitation): Promise<{ team: Team; role: string }> {
    if (actor.kind !== 'account') throw forbidden()
    const found = await store.findByToken(hashSecret(token))
    if (found?.state !== 'pending') throw invitationGone()
    const { teamId } = found
    const joined = await db.inTransaction((tx) => acceptIn(tx, actor.id, { token, teamId }))
    // Thrown after the transaction: what was found void stays so
    if (!joined) throw invitationGone()
    return joined
  }

  async function record(tx: Tx, type: InvitationFact, { actor, invitation }: About): Promise<void> {
    const { id, teamId: team, role } = invitation
    await audit.record(tx, { type, actor, details: { team, invitation: id, role } })
  }

  const sweep = (): Promise<number> => store.sweep(after(clock.now(), -limits.invitationKeptMs))

  return { list, create, resend, revoke, peek, accept, sweep }
}

/** Whoever is signed in where the link is opened. */
type Reader = { emailCanonical: string }
type Mailing = { team: Team; email: string; emailCanonical: string }
type About = { actor: Actor; invitation: Pick<StoredInvitation, 'id' | 'teamId' | 'role'> }
type Revocation = About & { standing: Standing }
type Joining = { actor: Extract<Actor, { kind: 'account' }>; teamId: string; role: string }
type InvitationFact = `team.invitation_${'sent' | 'resent' | 'revoked' | 'accepted' | 'voided'}`
