// Owns one example of every page behind the link of an invitation, in every state that looks different.
import type { of } from './page-samples.ts'

const offered = {
  token: 'foyer_invitation_sample',
  team: 'Analytical Engines',
  role: 'admin',
  invited: 'a•••@example.test',
  until: new Date('2026-03-08T14:30:00Z'),
}
const email = 'ada@example.test'

export const invitationSamples = (sample: typeof of) => ({
  invitation: sample('invitation/start', { ...offered, step: 'sign_in' }),
  'invitation, signed in': sample('invitation/start', { ...offered, step: 'join', email }),
  'invitation, the longest names': sample('invitation/start', {
    ...offered,
    step: 'join',
    team: 'Engines'.repeat(20),
    role: 'keeper-of-the-punched-cards-of-all-looms',
    email,
  }),
  'invitation, address not proved': sample('invitation/start', { ...offered, step: 'prove', email }),
  'invitation, somebody else': sample('invitation/start', {
    ...offered,
    step: 'switch',
    email: 'grace@example.test',
  }),
  'invitation, expired': sample('invitation/start', { ...offered, step: 'expired' }),
  'invitation, over': sample('invitation/over', {}),
  'invitation, joined': sample('invitation/joined', { team: offered.team, role: 'member' }),
})
