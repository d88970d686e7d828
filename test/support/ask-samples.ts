// Owns one example of every page on which a person answers what apps ask without a browser.
import type { of } from './page-samples.ts'

const email = 'ada@example.test'
const ask = {
  id: '0197c0de-7a3f-7c51-9d20-4f1b6a8e2c33',
  app: { name: 'Counter' },
  message: 'Counter 7, €12.50',
  at: new Date('2026-03-01T14:30:00Z'),
  until: new Date('2026-03-01T14:35:00Z'),
  account: { email },
  items: [
    { title: 'Your name', value: 'Ada Lovelace' },
    { title: 'Know that it is you each time you sign in' },
  ],
}
const other = { ...ask, id: 'another', app: { name: 'Quest'.repeat(40) }, items: [], unverified: true }

export const askSamples = (sample: typeof of) => ({
  'asks, none': sample('account/requests', { email, asks: [] }),
  asks: sample('account/requests', { email, asks: [ask, other] }),
  'asks, over': sample('account/requests', { email, asks: [], errors: [{ text: { key: 'ciba.over' } }] }),
  'ask answered': sample('account/request-done', {
    email,
    done: { key: 'ciba.done_allowed', values: { app: 'Counter' } },
  }),
})
