// Owns one example of every page on which a person lets a device in, in every state that looks different.
import type { of } from './page-samples.ts'

const userCode = 'BCDF-GHJK'
const app = { name: 'Living-room player', uri: 'https://player.acme.test/' }
const asked = {
  app,
  userCode,
  device: 'PlayerOS',
  address: '203.0.113.7',
  at: new Date('2026-03-01T14:30:00Z'),
  account: { email: 'ada@example.test', name: 'Ada Lovelace' },
  items: [
    { title: 'Your name', value: 'Ada Lovelace' },
    { title: 'Know that it is you each time you sign in' },
  ],
}

export const deviceSamples = (sample: typeof of) => ({
  'device code': sample('device/code', {}),
  'device code, linked': sample('device/code', { userCode }),
  'device code, error': sample('device/code', {
    userCode,
    errors: [
      {
        field: 'user_code',
        text: { key: 'device.code_wrong' },
        beside: { key: 'device.code_wrong_beside' },
      },
    ],
  }),
  'device code, missing': sample('device/code', {
    errors: [{ field: 'user_code', text: { key: 'device.code_missing' } }],
  }),
  'device code, over': sample('device/code', { userCode, errors: [{ text: { key: 'device.over' } }] }),
  'device code, too many tries': sample('device/code', {
    userCode,
    retryAt: new Date('2026-03-01T14:32:00Z'),
    retryAfterSeconds: 60,
  }),
  'device asks': sample('device/confirm', asked),
  'device asks, unverified and unknown': sample('device/confirm', {
    ...asked,
    app: { name: 'Quest'.repeat(40) },
    device: null,
    address: '2001:db8:1234:5678:9abc:def0:1234:5678',
    items: [],
    unverified: true,
  }),
  'device let in': sample('device/done', { app, allowed: true }),
  'device not let in': sample('device/done', { app, allowed: false }),
})
