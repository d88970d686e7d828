// Owns one example of every page about join codes, in every state that looks different.
import type { of } from './page-samples.ts'

const code = 'BCDF-GHJK-LMNP'
const team = 'Analytical Engines'
const until = new Date('2026-03-08T14:30:00Z')

export const joinSamples = (sample: typeof of) => ({
  'join code': sample('join/start', { code: '', signedIn: true }),
  'join code, brought along': sample('join/start', { code, signedIn: false }),
  'join code, error': sample('join/start', {
    code,
    signedIn: true,
    errors: [{ field: 'code', text: { key: 'join.unknown' } }],
  }),
  'join code, too many tries': sample('join/start', {
    code,
    signedIn: true,
    retryAt: new Date('2026-03-01T14:32:00Z'),
    retryAfterSeconds: 240,
  }),
  'join code, found': sample('join/confirm', { code, team, email: 'ada@example.test' }),
  'join code, the longest name': sample('join/confirm', {
    code,
    team: 'Engines'.repeat(20),
    email: 'ada@example.test',
  }),
  'join code, expired': sample('join/over', { state: 'expired', team, until }),
  'join code, used up': sample('join/over', { state: 'used_up', team, until }),
  'join code, taken back': sample('join/over', { state: 'revoked', team, until }),
  'join code, void': sample('join/over', { state: 'void', team, until }),
  'join code, member already': sample('join/over', { state: 'member', team, until }),
})
