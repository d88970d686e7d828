// Owns the page of a team's join codes: made, shown as a link and a QR code to hold up, taken back.
import type Koa from 'koa'
import { limits } from '../config/limits.ts'
import { inAsciiDigits } from '../features/challenges/policy.ts'
import type { JoinCodes } from '../features/teams/join-codes-service.ts'
import { after, days } from '../kernel/time.ts'
import { qrImage } from '../platform/qr.ts'
import { otherMethods } from '../web/methods.ts'
import { joinPage } from './join-pages.ts'
import {
  actorOf,
  createTeamPages,
  type Inside,
  onPage,
  partOf,
  type TeamRoutes,
  type Trouble,
  teamPath,
  unknownDeed,
} from './team-routes.ts'

export type CodePagesDeps = TeamRoutes & {
  joinCodes: Pick<JoinCodes, 'list' | 'create' | 'revoke'>
  issuer: string
}

const mostDays = limits.joinCodeMs / days(1)

export function mountCodePages(deps: CodePagesDeps): void {
  const { router, renderer, sameOrigin, joinCodes, clock, issuer } = deps
  const { inside, answering } = createTeamPages(deps)
  const path = `${teamPath}/codes`

  async function show(ctx: Koa.Context, within: Inside, trouble?: Trouble): Promise<void> {
    const { visitor, room } = within
    const { data, nextCursor } = await joinCodes.list(actorOf(visitor), partOf(ctx, room))
    const open = data.filter(({ state }) => state === 'open')
    const view = {
      ...onPage(ctx, within, trouble),
      ...(nextCursor !== null && { next: nextCursor }),
      mayMake: room.may('join_codes.create'),
      mostUses: limits.joinCodeUses,
      mostDays,
      codes: open.map(({ id, code, role, uses, maxUses, expiresAt: until }) => {
        const url = `${issuer}${joinPage}?code=${code}`
        return { id, code, url, qr: qrImage(url), role, uses, maxUses, until }
      }),
    }
    renderer.page(ctx, 'account/team-codes', view, { status: trouble?.status ?? 200 })
  }

  const change = answering(show, async ({ visitor, room }, form) => {
    const { deed, id = '', role = 'member' } = form
    const teamId = room.team.id
    if (deed === 'revoke') {
      await joinCodes.revoke(actorOf(visitor), { teamId, joinCodeId: id })
      return { done: 'code_revoked' }
    }
    if (deed !== 'make') throw unknownDeed()
    const maxUses = numberIn(form.max_uses)
    // What is no number of days is no time either, and refused as that
    const expiresAt = after(clock.now(), days(numberIn(form.expires_at)))
    await joinCodes.create(actorOf(visitor), { teamId, role, maxUses, expiresAt })
    return { done: 'code_made' }
  })

  router.get(path, inside(show))
  router.post(path, sameOrigin, inside(change))
  router.all(path, otherMethods('GET', 'HEAD', 'POST'))
}

/** Also in the digits of other scripts. */
function numberIn(text = ''): number {
  const digits = inAsciiDigits(text.slice(0, 40)).trim()
  return /^\d{1,6}$/.test(digits) ? Number(digits) : Number.NaN
}
