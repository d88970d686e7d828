// Owns one example of every page about one's teams, in every state that looks different.
import { qrImage } from '../../src/platform/qr.ts'
import type { TeamOnPage } from '../../src/web/team-views.ts'
import type { of } from './page-samples.ts'

const email = 'ada@example.test'
const since = new Date('2026-03-01T08:15:00Z')
const until = new Date('2026-03-08T14:30:00Z')

const member: TeamOnPage = {
  email,
  team: { slug: 'engines', name: 'Analytical Engines', description: 'Looms and cards' },
  role: 'member',
  tabs: ['members', 'settings'],
  roles: [],
}
const owner: TeamOnPage = {
  ...member,
  role: 'owner',
  tabs: ['members', 'invitations', 'codes', 'settings'],
  roles: ['member', 'admin', 'owner', 'treasurer'],
}
const ada = {
  id: '0197c0de-0000-7000-8000-000000000001',
  name: 'Ada King Lovelace',
  role: 'owner',
  since,
  self: true,
  mayChange: true,
  mayRemove: false,
}
const grace = {
  ...ada,
  id: '0197c0de-0000-7000-8000-000000000002',
  name: null,
  role: 'treasurer',
  self: false,
  mayRemove: true,
}
const look = { mayChange: false, mayRemove: false }
const url = 'https://id.example.test/join?code=BCDF-GHJK-LMNP'
const code = {
  id: '0197c0de-0000-7000-8000-000000000003',
  code: 'BCDF-GHJK-LMNP',
  url,
  qr: qrImage(url),
  role: 'member',
  uses: 3,
  maxUses: 30,
  until,
}
const invitation = { id: 'one', email: 'mary@example.test', role: 'member', expired: false, until }
const making = { mayMake: true, mostUses: 10_000, mostDays: 90 }

export const teamSamples = (sample: typeof of) => ({
  teams: sample('account/teams', {
    email,
    teams: [
      { slug: 'engines', name: 'Analytical Engines', role: 'owner' },
      { slug: 'looms', name: 'Looms', role: 'treasurer' },
    ],
  }),
  'teams, none': sample('account/teams', { email, teams: [], done: { key: 'team.done_left' } }),
  team: sample('account/team', { ...owner, members: [ada, grace], next: 'a-cursor' }),
  'team, as a member': sample('account/team', {
    ...member,
    members: [
      { ...ada, ...look },
      { ...grace, ...look },
    ],
  }),
  'team, the longest name': sample('account/team', {
    ...owner,
    team: { ...owner.team, name: 'Engines'.repeat(20), description: null },
    members: [ada, grace],
    errors: [{ text: { key: 'error.last_owner.detail' } }],
  }),
  'team invitations': sample('account/team-invitations', {
    ...owner,
    mayInvite: true,
    invitations: [invitation, { ...invitation, id: 'two', email: 'john@example.test', expired: true }],
  }),
  'team invitations, error': sample('account/team-invitations', {
    ...owner,
    mayInvite: true,
    invitations: [],
    typed: { email: 'nobody', role: 'admin' },
    errors: [{ field: 'email', text: { key: 'error.field.email_invalid' } }],
  }),
  'team codes': sample('account/team-codes', { ...owner, ...making, codes: [code] }),
  'team codes, error': sample('account/team-codes', {
    ...owner,
    ...making,
    codes: [],
    typed: { max_uses: '0', expires_at: '7' },
    errors: [{ field: 'max_uses', text: { key: 'team.number_hint', values: { most: 10_000 } } }],
  }),
  'team settings': sample('account/team-settings', {
    ...owner,
    typed: { name: 'Analytical Engines', slug: 'engines', description: 'Looms and cards' },
    mayRename: true,
    mayTransfer: true,
    mayLeave: true,
    candidates: [{ id: grace.id, name: 'Grace Hopper' }],
  }),
  'team settings, error': sample('account/team-settings', {
    ...owner,
    typed: { name: 'Analytical Engines', slug: 'No Slug', description: '' },
    mayRename: true,
    mayTransfer: false,
    mayLeave: true,
    candidates: [],
    errors: [{ field: 'slug', text: { key: 'team.invalid_slug' } }],
  }),
  'team settings, as a member': sample('account/team-settings', {
    ...member,
    typed: {},
    mayRename: false,
    mayTransfer: false,
    mayLeave: true,
    candidates: [],
  }),
})
