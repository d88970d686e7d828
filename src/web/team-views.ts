// Owns what the pages about one's teams need to know, and how they are headed. Their words are locales/*/team.json.
import type { Translator } from '../platform/i18n.ts'
import type { PageError, Said } from './sentences.ts'

type Own = { email: string; done?: Said; errors?: PageError[]; retryAt?: Date; retryAfterSeconds?: number }

export type TeamTab = 'members' | 'invitations' | 'codes' | 'settings'

/** What every page of one team shows. */
export type TeamOnPage = Own & {
  team: { slug: string; name: string; description: string | null }
  /** By its name; those built in are said in words. Nothing for an administrator who is no member. */
  role?: string
  tabs: TeamTab[]
  /** Names of the roles that the reader may give. */
  roles: string[]
  /** What was typed into a form that is shown again, by the name of the input. */
  typed?: Readonly<Record<string, string>>
  /** The cursor of the page after this one. */
  next?: string
}

export type TeamsPage = Own & { teams: { slug: string; name: string; role: string }[] }

export type MemberOnPage = {
  id: string
  name: string | null
  role: string
  since: Date
  self: boolean
  mayChange: boolean
  mayRemove: boolean
}

export type InvitationOnPage = { id: string; email: string; role: string; expired: boolean; until: Date }

export type JoinCodeOnPage = {
  id: string
  code: string
  /** Where it is used, and the same as a picture. */
  url: string
  qr: string
  role: string
  uses: number
  maxUses: number
  until: Date
}

export type SettingsParts = {
  mayRename: boolean
  mayTransfer: boolean
  mayLeave: boolean
  /** Who may take the team over. */
  candidates: { id: string; name: string | null }[]
}

export type TeamPages = {
  'account/teams': TeamsPage
  'account/team': TeamOnPage & { members: MemberOnPage[] }
  'account/team-invitations': TeamOnPage & { mayInvite: boolean; invitations: InvitationOnPage[] }
  'account/team-codes': TeamOnPage & {
    mayMake: boolean
    mostUses: number
    mostDays: number
    codes: JoinCodeOnPage[]
  }
  'account/team-settings': TeamOnPage & SettingsParts
}

type Heads = {
  [Name in keyof TeamPages]: (
    view: TeamPages[Name],
    t: Translator['t'],
  ) => { heading: string; title?: string }
}

const ofTeam =
  (tab: TeamTab) =>
  ({ team }: TeamOnPage, t: Translator['t']) => ({
    heading: team.name,
    title: t('team.title', { page: t(`team.tab_${tab}`), team: team.name }),
  })

export const teamHeads: Heads = {
  'account/teams': (_, t) => ({ heading: t('team.heading') }),
  'account/team': ofTeam('members'),
  'account/team-invitations': ofTeam('invitations'),
  'account/team-codes': ofTeam('codes'),
  'account/team-settings': ofTeam('settings'),
}
