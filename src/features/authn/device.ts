// Owns the device cookie: it says on which accounts this browser has signed in before, so that a stranger's
// wrong passwords never lock a person out of a device of their own. It signs nobody in.
import { createHmac, type KeyObject } from 'node:crypto'
import { limits } from '../../config/limits.ts'
import { randomKey, sameHash } from '../../kernel/secrets.ts'

export type Device = { id: string; issuedAt: Date }

/** By the account that has signed in there. */
export type Devices = ReadonlyMap<string, Device>

type Cookie = { cookie: string | undefined; key: KeyObject; now: Date }
type Entry = { accountId: string; nonce: Buffer; issuedMs: number }

const accountBytes = 16
const nonceBytes = 16
const timeBytes = 6
const macBytes = 32
const entryBytes = accountBytes + nonceBytes + timeBytes + macBytes
const separator = '.'
// The longest cookie that Foyer writes, so that a forged one is dropped unread.
const longestCookie = limits.deviceCookieAccounts * (Math.ceil((entryBytes * 4) / 3) + 1)

/**
 * Which device id this browser holds for which account; whatever is forged or too old is left out. Whether the account
 * still knows devices of that time, its row says.
 */
export function readDevices(cookie: string | undefined, key: KeyObject, now: Date): Devices {
  return new Map(readEntries(cookie, key, now).map((entry) => [entry.accountId, deviceOf(entry)]))
}

/** The cookie after this account has fully signed in: the newest first, the oldest dropped. */
export function addDevice(accountId: string, { cookie, key, now }: Cookie): string {
  const known = readEntries(cookie, key, now)
  const before = known.find((entry) => entry.accountId === accountId)
  // The same browser keeps its id, so that signing in again does not open another lane of guesses.
  const entry = { accountId, nonce: before?.nonce ?? randomKey(nonceBytes), issuedMs: now.getTime() }
  const others = known.filter((other) => other.accountId !== accountId)
  return encodeAll([entry, ...others], key)
}

/** The cookie without this account: the browser is a new device to it from then on. */
export function removeDevice(accountId: string, { cookie, key, now }: Cookie): string {
  const others = readEntries(cookie, key, now).filter((entry) => entry.accountId !== accountId)
  return encodeAll(others, key)
}

const encodeAll = (entries: Entry[], key: KeyObject): string =>
  entries
    .slice(0, limits.deviceCookieAccounts)
    .map((each) => encode(each, key))
    .join(separator)

const deviceOf = ({ nonce, issuedMs }: Entry): Device => ({
  id: nonce.toString('base64url'),
  issuedAt: new Date(issuedMs),
})

function readEntries(cookie: string | undefined, key: KeyObject, now: Date): Entry[] {
  if (!cookie || cookie.length > longestCookie) return []
  const newestFirst = cookie
    .split(separator)
    .map((text) => decode(text, key))
    .filter((entry) => entry !== null)
    .filter(({ issuedMs }) => issuedMs <= now.getTime() && now.getTime() - issuedMs < limits.deviceCookieMs)
    .sort((left, right) => right.issuedMs - left.issuedMs)
  const firstOfEach = new Map<string, Entry>()
  for (const entry of newestFirst) {
    if (!firstOfEach.has(entry.accountId)) firstOfEach.set(entry.accountId, entry)
  }
  return [...firstOfEach.values()].slice(0, limits.deviceCookieAccounts)
}

function encode({ accountId, nonce, issuedMs }: Entry, key: KeyObject): string {
  const time = Buffer.alloc(timeBytes)
  time.writeUIntBE(issuedMs, 0, timeBytes)
  const body = Buffer.concat([Buffer.from(accountId.replaceAll('-', ''), 'hex'), nonce, time])
  return Buffer.concat([body, macOf(body, key)]).toString('base64url')
}

function decode(text: string, key: KeyObject): Entry | null {
  const bytes = Buffer.from(text, 'base64url')
  // Written again it must be the same text: base64 has several spellings of one value.
  if (bytes.length !== entryBytes || bytes.toString('base64url') !== text) return null
  const body = bytes.subarray(0, entryBytes - macBytes)
  if (!sameHash(bytes.subarray(entryBytes - macBytes), macOf(body, key))) return null

  return {
    accountId: uuidOf(body.subarray(0, accountBytes)),
    nonce: body.subarray(accountBytes, accountBytes + nonceBytes),
    issuedMs: body.readUIntBE(accountBytes + nonceBytes, timeBytes),
  }
}

const macOf = (body: Buffer, key: KeyObject): Buffer =>
  createHmac('sha256', key).update('foyer device 1\0').update(body).digest()

function uuidOf(bytes: Buffer): string {
  const hex = bytes.toString('hex')
  return [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20)].join('-')
}
