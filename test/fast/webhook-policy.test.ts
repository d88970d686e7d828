// When a delivery is tried again, and what is signed.
import { Webhook } from 'standardwebhooks'
import { describe, expect, it } from 'vitest'
import { judge, type Outcome } from '../../src/features/webhooks/policy.ts'
import { drawSecret, signedHeaders } from '../../src/features/webhooks/signature.ts'

const now = new Date('2026-11-30T12:00:00Z')
const daysAgo = (count: number) => new Date(now.getTime() - count * 86_400_000)
const given = { tries: 1, failingSince: null, now, chance: 0.5 }

describe('a try', () => {
  it.each<[string, Outcome, object]>([
    ['200', { status: 200 }, { state: 'delivered', disabled: undefined }],
    ['204', { status: 204 }, { state: 'delivered', disabled: undefined }],
    ['199', { status: 199 }, { state: 'pending', disabled: undefined }],
    ['400', { status: 400 }, { state: 'pending', disabled: undefined }],
    ['410', { status: 410 }, { state: 'failed', disabled: 'gone' }],
    ['503', { status: 503 }, { state: 'pending', disabled: undefined }],
    ['a time-out', { error: 'timeout' }, { state: 'pending', disabled: undefined }],
  ])('that meets %s comes to this', (_, outcome, verdict) => {
    expect(judge(outcome, given)).toMatchObject(verdict)
  })

  it('is followed by nine more over three days, and then by none', () => {
    const waits = Array.from({ length: 10 }, (_, before) => {
      const { state, waitMs } = judge({ status: 500 }, { ...given, tries: before + 1 })
      return state === 'pending' ? (waitMs ?? 0) / 1000 : state
    })
    const hour = 3600
    const hours = [2, 5, 10, 14, 20, 24].map((count) => count * hour)
    expect(waits).toEqual([5, 300, 1800, ...hours, 'failed'])
  })

  it('is spread by a tenth to either side', () => {
    const wait = (chance: number) => judge({ status: 500 }, { ...given, tries: 2, chance }).waitMs
    expect([wait(0), wait(1)]).toEqual([270_000, 330_000])
  })

  it.each([
    [4.99, undefined],
    [5, 'failing'],
  ])('that fails after %s days of failures disables: %s', (count, disabled) => {
    expect(judge({ status: 500 }, { ...given, failingSince: daysAgo(count) }).disabled).toBe(disabled)
  })
})

describe('a signature', () => {
  const body = '{"type":"team.created","timestamp":"2026-11-30T12:00:00.000Z","data":{"name":"Ä"}}'

  it('is what a library of others makes of the same message', () => {
    const secret = drawSecret()
    const at = new Date(1_700_000_000_999)
    const headers = signedHeaders({ id: 'a', at, body }, [secret])
    expect(headers).toEqual({
      'webhook-id': 'a',
      'webhook-timestamp': '1700000000',
      'webhook-signature': new Webhook(secret).sign('a', at, body),
    })
  })

  it('stands for each secret, the newest first', () => {
    const secrets = [drawSecret(), drawSecret()]
    const at = new Date()
    const signature = signedHeaders({ id: 'a', at, body }, secrets)['webhook-signature']
    expect(signature).toBe(secrets.map((secret) => new Webhook(secret).sign('a', at, body)).join(' '))
  })

  it('is made with a key of 32 bytes that is never drawn twice', () => {
    const drawn = Array.from({ length: 100 }, drawSecret)
    expect(new Set(drawn).size).toBe(100)
    for (const secret of drawn) expect(Buffer.from(secret.slice(6), 'base64')).toHaveLength(32)
  })
})
