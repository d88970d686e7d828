// Owns the question what whoever stands behind an invitation or a join code is in the team today.
import type { Actor } from '../../kernel/events.ts'
import type { Tx } from '../../platform/postgres.ts'
import type { Access } from './access.ts'
import { nobody, type Standing } from './policy.ts'
import { findEpoch, isClientThere } from './sponsor-store.ts'

export type Sponsorship = {
  teamId: string
  sponsor: Actor
  /** Of the sponsor's account at the time; null for who is no person. */
  epoch: number | null
}

export type Sponsors = ReturnType<typeof createSponsors>

export function createSponsors({ access }: { access: Pick<Access, 'standingOf'> }) {
  const epochOf = (tx: Tx, actor: Actor): Promise<number | null> =>
    actor.kind === 'account' ? findEpoch(tx, actor.id) : Promise.resolve(null)

  /** `changed`: their account may have been in other hands since. */
  async function today(
    tx: Tx,
    { teamId, sponsor, epoch }: Sponsorship,
  ): Promise<{ standing: Standing; changed: boolean }> {
    if (sponsor.kind === 'client' && !(await isClientThere(tx, sponsor.id))) {
      return { standing: nobody, changed: true }
    }
    const standing = await access.standingOf(sponsor, teamId, tx)
    return { standing, changed: (await epochOf(tx, sponsor)) !== epoch }
  }

  return { epochOf, today }
}
