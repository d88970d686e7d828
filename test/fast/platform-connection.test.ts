import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { connectionFromUrl } from '../../src/platform/connection.ts'

let folder: string
let ca: string

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'foyer-connection-'))
  ca = join(folder, 'ca.pem')
  writeFileSync(ca, 'PEM')
})
afterAll(() => rmSync(folder, { recursive: true }))

/** What a connection does about TLS, in one word. */
function tlsOf(url: string): string {
  const { ssl } = connectionFromUrl(url)
  if (ssl === false || ssl === undefined) return 'none'
  if (ssl === true || ssl.rejectUnauthorized !== true) return 'unverified'
  const otherName = ssl.checkServerIdentity?.('db.example.test', {
    subject: { CN: 'other' },
    subjectaltname: 'DNS:other.example.test',
  } as Parameters<NonNullable<typeof ssl.checkServerIdentity>>[1])
  return otherName === undefined ? 'chain' : 'chain and name'
}

describe('TLS to the database', () => {
  it.each([
    ['a host elsewhere', 'postgres://u:p@db.example.test/foyer', 'chain and name'],
    ['an address elsewhere', 'postgres://u:p@10.0.0.5/foyer', 'chain and name'],
    ['a weaker mode elsewhere', 'postgres://u@db.example.test/foyer?sslmode=prefer', 'chain and name'],
    ['sslmode=require elsewhere', 'postgres://u@db.example.test/foyer?sslmode=require', 'chain and name'],
    ['an explicit no', 'postgres://u@db.example.test/foyer?sslmode=disable', 'none'],
    ['localhost', 'postgres://u@localhost/foyer', 'none'],
    ['127.0.0.1', 'postgres://u@127.0.0.1:5433/foyer', 'none'],
    ['::1', 'postgres://u@[::1]/foyer', 'none'],
    ['loopback that asks for it', 'postgres://u@localhost/foyer?sslmode=verify-full', 'chain and name'],
    ['a name that only begins like loopback', 'postgres://u@127.0.0.1.example.test/foyer', 'chain and name'],
    ['a host parameter elsewhere', 'postgres://u@localhost/foyer?host=db.example.test', 'chain and name'],
    ['a Unix socket', 'postgres://u@/foyer?host=/run/postgresql', 'none'],
  ])('for %s', (_, url, expected) => {
    expect(tlsOf(url)).toBe(expected)
  })

  it('trusts a named authority under any host name with verify-ca', () => {
    expect(tlsOf(`postgres://u@db.example.test/foyer?sslmode=verify-ca&sslrootcert=${ca}`)).toBe('chain')
  })

  it('takes the authority, the certificate and the key from files', () => {
    const files = `sslrootcert=${ca}&sslcert=${ca}&sslkey=${ca}`
    expect(connectionFromUrl(`postgres://u@db.example.test/foyer?${files}`).ssl).toMatchObject({
      ca: 'PEM',
      cert: 'PEM',
      key: 'PEM',
    })
  })
})

describe('DATABASE_URL', () => {
  it.each([
    [
      'everything in its place',
      'postgresql://ada:a%40b@db.example.test:5433/the%20db',
      { host: 'db.example.test', port: 5433, user: 'ada', password: 'a@b', database: 'the db' },
    ],
    [
      'a socket folder',
      'postgres://postgres@/foyer?host=/tmp/with%20space',
      { host: '/tmp/with space', port: 5432, user: 'postgres', database: 'foyer' },
    ],
    [
      'a socket folder behind a host that parsers accept',
      'postgres://postgres@localhost/foyer?host=%2Ftmp%2Fsocket',
      { host: '/tmp/socket', database: 'foyer' },
    ],
    ['no database', 'postgres://ada@localhost', { host: 'localhost', database: 'ada' }],
    ['IPv6', 'postgres://ada@[::1]:5433/foyer', { host: '::1', port: 5433 }],
  ])('is read with %s', (_, url, expected) => {
    expect(connectionFromUrl(url)).toMatchObject(expected)
  })

  it.each([
    ['something else', 'not a url', 'is not a PostgreSQL URL'],
    ['no user', 'postgres://localhost/foyer', 'names no user'],
    ['a mode that skips verification', 'postgres://u@h/d?sslmode=no-verify', 'never skips verification'],
    [
      'verify-ca without an authority',
      'postgres://u@h.example.test/d?sslmode=verify-ca',
      'needs sslrootcert',
    ],
    [
      'a missing certificate',
      'postgres://u@h.example.test/d?sslrootcert=/nowhere',
      '/nowhere as sslrootcert',
    ],
    ['a strange port', 'postgres://u@h/d?port=many', 'the port many'],
  ])('is refused with %s', (_, url, sentence) => {
    expect(() => connectionFromUrl(url)).toThrow(sentence)
  })

  it('keeps the password out of its refusals', () => {
    const refused = () => connectionFromUrl('postgres://u:s3cret-word@ho st/d')
    expect(refused).toThrow()
    expect(refused).not.toThrow(/s3cret-word/)
  })
})
