// Hashes of other systems, taken from their own documentation, and those that nobody should be made to compute.
import { hashSync } from '@node-rs/bcrypt'
import { describe, expect, it } from 'vitest'
import { readForeignHash } from '../../src/platform/foreign-hashes.ts'
import { createPasswords, isKnownHash } from '../../src/platform/passwords.ts'

const passwords = createPasswords()

const signerKey = 'jxspr8Ki0RYycVU8zykbdLGjFQ3McFUH0uiiTvC8pVMXAn210wjLNmdZJzxUECKbm0QsEmYUSDzZvpjeJ9WmXA=='
const ofFirebase = 'lSrfV15cpx95/sZS2W9c9Kp6i/LVgQNDNC/qzrCnh1SAyZvqmZqAjTdn3aoItz+VHjoZilo78198JAdRuid5lQ=='

const ofRfc7914 = 'TdzY9guYviGDDO5e8icB+WQaRBjQTAQUrv8Ih2s0q1ah1CWhIlgzVJrbhBtRybMXaicr3ruh0HhHj2Kzl/M8jQ'
const ofPython = 'Y4KvYMPg2N1hgDjLOrwpFmm60rmpeC70d9wwK2vkAxvKaJ07B5VP1iea8ystNqo3Fj/kFin4ZNjgEh/lGyWgkg'

const known: [name: string, password: string, stored: string][] = [
  ['bcrypt of Openwall', 'U*U', '$2a$05$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW'],
  ['bcrypt as PHP writes it', 'U*U', '$2y$05$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW'],
  ['bcrypt of today', 'analytical-engine', hashSync('analytical-engine', 6)],
  // RFC 7914 §11
  ['PBKDF2 in PHC', 'Password', `$pbkdf2-sha256$i=80000,l=64$TmFDbA$${ofRfc7914}`],
  [
    'PBKDF2 as passlib writes it',
    'Password',
    `$pbkdf2-sha256$80000$TmFDbA$${ofRfc7914.replaceAll('+', '.')}`,
  ],
  // hashlib.pbkdf2_hmac of Python
  ['PBKDF2 by SHA-512', 'password', `$pbkdf2-sha512$i=25000,l=64$c29kaXVtLWNobG9yaWRlIQ$${ofPython}`],
  [
    'scrypt of passlib',
    'password',
    '$scrypt$ln=16,r=8,p=1$aM15713r3Xsvxbi31lqr1Q$nFNh2CVHVjNldFVKDHDlm4CbdRSCdEBsjjJxD+iCs5E',
  ],
  [
    "Firebase's scrypt",
    'user1password',
    `$firescrypt$ln=14,r=8,p=1$42xEC+ixf3L2lw==$${ofFirebase}$Bw==$${signerKey}`,
  ],
]

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
