// Hashes of other systems, taken from their own documentation, and those that nobody should be made to compute.
import { describe, expect, it } from 'vitest'
import { readForeignHash } from '../../src/platform/foreign-hashes.ts'
import { createPasswords, isKnownHash } from '../../src/platform/passwords.ts'
import { foreignHashes } from '../support/foreign-hashes.ts'

const passwords = createPasswords()

const known = foreignHashes

describe('a hash of another system', () => {
  it.each(known)('%s fits its password, and is to be made anew', async (_, password, stored) => {
    expect(isKnownHash(stored)).toBe(true)
    expect(await passwords.verify(stored, password)).toEqual({ ok: true, rehash: true })
  })

  it.each(known)('%s fits no other', async (_, password, stored) => {
    expect(await passwords.verify(stored, `${password}!`)).toEqual({ ok: false, rehash: false })
  })

  it('costs a stranger the work of one argon2id besides, so that it is not told apart by being cheap', async () => {
    const work: string[] = []
    const watched = createPasswords({
      loadEngine: async () => ({
        hash: async () => '',
        verify: async (phc) => {
          work.push(phc.slice(0, 9))
          return false
        },
      }),
    })
    await watched.verify(known[0]?.[2] ?? '', 'a wrong guess')
    expect(work).toEqual(['$argon2id'])
  })
})

describe('a stored text that asks for too much, or for nothing', () => {
  const salt = 'aM15713r3Xsvxbi31lqr1Q'
  const hash = 'nFNh2CVHVjNldFVKDHDlm4CbdRSCdEBsjjJxD+iCs5E'
  it.each([
    ['bcrypt of 16 rounds', '$2b$16$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW'],
    ['bcrypt of 3 rounds', '$2b$03$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW'],
    ['bcrypt cut short', '$2b$10$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKv'],
    ['PBKDF2 of 3,000,001 iterations', `$pbkdf2-sha256$i=3000001,l=32$${salt}$${hash}`],
    ['PBKDF2 of no iteration', `$pbkdf2-sha256$i=0,l=32$${salt}$${hash}`],
    ['PBKDF2 that is longer than it says', `$pbkdf2-sha256$i=1000,l=16$${salt}$${hash}`],
    ['PBKDF2 by SHA-1', `$pbkdf2-sha1$i=1000,l=32$${salt}$${hash}`],
    ['scrypt of 512 MiB', `$scrypt$ln=19,r=8,p=1$${salt}$${hash}`],
    ['scrypt of 2^99', `$scrypt$ln=99,r=8,p=1$${salt}$${hash}`],
    ['scrypt of 17 lanes', `$scrypt$ln=10,r=8,p=17$${salt}$${hash}`],
    ['scrypt of no memory', `$scrypt$ln=0,r=8,p=1$${salt}$${hash}`],
    ['scrypt with a stub of a hash', `$scrypt$ln=10,r=8,p=1$${salt}$AAAAAAAAAAAAAAAAAAAA`],
    ['bcrypt with spare bits', '$2b$10$CCCCCCCCCCCCCCCCCCCCCPE5YPO9kmyuRGyh0XouQYb4YMJKvyOeW'],
    ['bcrypt that ends in spare bits', '$2b$10$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeV'],
    ['argon2id with a comma too many', `$argon2id$v=19$m=64,t=1,p=1,$${salt}$${hash}`],
    ['argon2id with spare bits', `$argon2id$v=19$m=64,t=1,p=1$${salt}$${hash.slice(0, -1)}t`],
    ['PBKDF2 with a gap in its salt', `$pbkdf2-sha256$i=1000,l=32$aM=57$${hash}`],
    ['PBKDF2 whose salt was cut short', `$pbkdf2-sha256$i=1000,l=32$aM157$${hash}`],
    ['crypt', '$6$saltstring$svn8UoSVapNtMuq1ukKS4tPQd8iKwSMHWjlO/O817G3uBnIFNjnQJuesI68OTLiBFdcbYEdFCoEOfa'],
    ['a bare digest', '5f4dcc3b5aa765d61d8327deb882cf99'],
    ['a megabyte', `$scrypt$ln=10,r=8,p=1$${'A'.repeat(1_000_000)}$${hash}`],
    ['nothing', ''],
  ])('%s is no hash', async (_, stored) => {
    expect(readForeignHash(stored)).toBeUndefined()
    expect(isKnownHash(stored)).toBe(false)
    expect(await passwords.verify(stored, 'password')).toEqual({ ok: false, rehash: false })
  })
})
