import { createSecretKey } from 'node:crypto'
import { describe, expect, it } from 'vitest'
import { limits } from '../../src/config/limits.ts'
import { addDevice, readDevices } from '../../src/features/authn/device.ts'
import { newId, randomKey } from '../../src/kernel/secrets.ts'
import { days, after as later } from '../../src/kernel/time.ts'

const newKey = () => createSecretKey(randomKey(32))
const key = newKey()
const start = new Date('2026-11-01T12:00:00Z')
const person = () => newId(start)

function signedIn(accounts: string[], from: string | undefined = undefined): string {
  let cookie = from
  for (const [index, account] of accounts.entries()) {
    cookie = addDevice(account, { cookie, key, now: later(start, index * 1000) })
  }
  return cookie ?? ''
}

describe('the device cookie', () => {
  it('gives each account that signed in an id of this browser', () => {
    const [ada, grace] = [person(), person()]
    const devices = readDevices(signedIn([ada, grace]), key, later(start, 5000))
    expect([...devices.keys()].sort()).toEqual([ada, grace].sort())
    expect(devices.get(ada)?.id).not.toBe(devices.get(grace)?.id)
  })

  it('keeps the id when the same account signs in again', () => {
    const ada = person()
    const cookie = signedIn([ada])
    const again = addDevice(ada, { cookie, key, now: later(start, days(10)) })
    const now = later(start, days(10))
    const [before, since] = [readDevices(cookie, key, now).get(ada), readDevices(again, key, now).get(ada)]
    expect(since?.id).toBe(before?.id)
    expect([before?.issuedAt, since?.issuedAt]).toEqual([start, now])
  })

  it('gives two browsers different ids', () => {
    const ada = person()
    const ids = [signedIn([ada]), signedIn([ada])].map(
      (cookie) => readDevices(cookie, key, start).get(ada)?.id,
    )
    expect(new Set(ids).size).toBe(2)
  })

  it('holds five accounts and drops the one that signed in longest ago', () => {
    const people = Array.from({ length: 6 }, person)
    const devices = readDevices(signedIn(people), key, later(start, days(1)))
    expect([...devices.keys()].sort()).toEqual(people.slice(1).sort())
  })

  it('counts for 180 days from the last sign-in and not a millisecond longer', () => {
    const ada = person()
    const cookie = signedIn([ada])
    expect(readDevices(cookie, key, later(start, limits.deviceCookieMs - 1)).size).toBe(1)
    expect(readDevices(cookie, key, later(start, limits.deviceCookieMs)).size).toBe(0)
  })

  it('is not believed when it comes from the future', () => {
    expect(readDevices(signedIn([person()]), key, later(start, -1)).size).toBe(0)
  })

  it('is worthless under another key', () => {
    expect(readDevices(signedIn([person()]), newKey(), start).size).toBe(0)
  })

  it('loses an entry with each change of one of its characters', () => {
    const cookie = signedIn([person()])
    for (let index = 0; index < cookie.length; index += 1) {
      const other = cookie[index] === 'A' ? 'B' : 'A'
      const forged = cookie.slice(0, index) + other + cookie.slice(index + 1)
      expect(readDevices(forged, key, start).size).toBe(0)
    }
  })

  it('keeps the good entries beside a forged one', () => {
    const ada = person()
    expect(readDevices(`forged.${signedIn([ada])}`, key, start).has(ada)).toBe(true)
  })

  it.each([
    ['nothing', undefined],
    ['an empty text', ''],
    ['dots', '.....'],
    ['a truncated entry', signedIn([person()]).slice(0, -1)],
    ['a lengthened entry', `${signedIn([person()])}A`],
    ['a million characters', 'A'.repeat(1_000_000)],
    ['no base64 at all', '\u0000☃'],
  ])('means no device when it holds %s', (_, cookie) => {
    expect(readDevices(cookie, key, start).size).toBe(0)
  })

  it('does not grow when the same entry is repeated', () => {
    const cookie = signedIn([person()])
    expect(readDevices(`${cookie}.${cookie}`, key, start).size).toBe(1)
  })
})
