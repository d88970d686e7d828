import { describe, expect, it } from 'vitest'
import { demoPeople } from '../../prisma/seed.ts'
import { claimsOf } from '../../src/features/accounts/claims.ts'
import { createPasswordPolicy } from '../../src/features/accounts/password-policy.ts'
import { Profile, parseUsername } from '../../src/features/accounts/schema.ts'
import { identifierOf } from '../../src/features/accounts/service.ts'

describe('the password policy', () => {
  const policy = createPasswordPolicy({ minLength: 15, isCommon: (text) => text === 'correct horse battery' })
  const person = { email: 'ada.l@example.test', username: 'countess' }
  const codes = (password: string) => policy(password, person).map(({ code }) => code)

  it.each([
    ['14 characters', 'a'.repeat(14), ['password_too_short']],
    ['15 characters', 'a'.repeat(15), []],
    ['14 characters of two code units', '🦉'.repeat(14), ['password_too_short']],
    ['15 characters of two code units', '🦉'.repeat(15), []],
    ['14 letters with their accents apart', 'e\u0301'.repeat(14), ['password_too_short']],
    ['256 characters', 'a'.repeat(256), []],
    ['257 characters', 'a'.repeat(257), ['password_too_long']],
    ['only spaces', ' '.repeat(15), []],
    ['a lone surrogate', `${'a'.repeat(15)}\ud800`, ['password_too_long']],
    ['the address', 'ada.l@example.test', ['password_contains_name']],
    ['the local part within', 'xxxxxx ADA.L xxxxxx', ['password_contains_name']],
    ['the user name within', 'the Countess of computing', ['password_contains_name']],
    ['the product within', 'my-Foyer-password', ['password_contains_name']],
    ['the product in full-width letters', 'my-ｆｏｙｅｒ-password', ['password_contains_name']],
    ['a common one in capitals', 'Correct Horse Battery', ['password_common']],
  ])('answers %s', (_, password, expected) => {
    expect(codes(password)).toEqual(expected)
  })

  it('does not mind a name of two or three letters', () => {
    expect(policy('a-marathon-of-adamant', { email: 'ada@example.test' })).toEqual([])
  })

  it('names the length it wants', () => {
    expect(policy('short', person)[0]).toMatchObject({
      pointer: '/password',
      detail: 'Use at least 15 characters.',
    })
  })
})

describe('user names', () => {
  it.each([
    ['ada', 'ada'],
    ['Ada', 'ada'],
    ['ADA.Lovelace-1815_x', 'ada.lovelace-1815_x'],
    ['ａｄａ', 'ada'],
    ['4d4', '4d4'],
  ])('reads %s as %s', (text, username) => {
    expect(parseUsername(text)).toBe(username)
  })

  it.each([
    '',
    'a',
    '.ada',
    '-ada',
    'ada lovelace',
    'ada@example',
    'ada\n',
    'ädа',
    'a'.repeat(33),
    'a'.repeat(1e6),
  ])('refuses %j', (text) => {
    expect(parseUsername(text)).toBeNull()
  })

  it('are told apart from addresses', () => {
    expect(identifierOf('Ada@Example.Test')).toEqual({ emailCanonical: 'ada@example.test', username: null })
    expect(identifierOf('Ada')).toEqual({ emailCanonical: null, username: 'ada' })
    expect(identifierOf('nobody at all')).toEqual({ emailCanonical: null, username: null })
  })
})

describe('claims', () => {
  const account = {
    id: '0199d0a0-0000-7000-8000-000000000001',
    email: 'ada@example.test',
    email_verified: true,
    username: 'ada',
    profile: { name: 'Ada Lovelace', phone_number: '+44 20 7946 0958' },
    roles: ['admin'],
    teams: [{ id: 't', slug: 'acme', name: 'Acme', role: 'owner' }],
    updated_at: '2026-11-01T12:00:00.900+00:00',
  }

  it('are the standard ones, under their names, with what is unknown left out', () => {
    expect(claimsOf(account)).toEqual({
      sub: account.id,
      email: 'ada@example.test',
      email_verified: true,
      preferred_username: 'ada',
      name: 'Ada Lovelace',
      phone_number: '+44 20 7946 0958',
      phone_number_verified: false,
      updated_at: 1_793_534_400,
      roles: ['admin'],
      teams: account.teams,
    })
  })

  it('cannot be taken over by a profile', () => {
    const profile = {
      sub: 'admin',
      email: 'evil@example.test',
      email_verified: true,
      roles: ['admin'],
      teams: [],
      preferred_username: 'grace',
    }
    expect(claimsOf({ ...account, email_verified: false, roles: [], profile })).toMatchObject({
      sub: account.id,
      email: 'ada@example.test',
      email_verified: false,
      roles: [],
      teams: account.teams,
      preferred_username: 'ada',
    })
  })

  it('are all filled for the demo person ada', () => {
    const [ada] = demoPeople
    const profile = Profile.parse(ada?.profile)
    const claims = Object.keys(claimsOf({ ...account, username: ada?.username ?? null, profile }))
    // OIDC Core §5.1, every row of its table, and §5.1.1
    const standard =
      'sub name given_name family_name middle_name nickname preferred_username profile picture website email email_verified gender birthdate zoneinfo locale phone_number phone_number_verified address updated_at'
    expect(claims).toEqual(expect.arrayContaining(standard.split(' ')))
    expect(Object.keys(profile.address ?? {}).sort()).toEqual([
      'country',
      'formatted',
      'locality',
      'postal_code',
      'region',
      'street_address',
    ])
  })
})
