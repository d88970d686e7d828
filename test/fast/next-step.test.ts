// What a sign-in needs next, for every attempt that can be stored.
import { describe, expect, it } from 'vitest'
import {
  type Attempt,
  acrValues,
  type Demand,
  mailSuffices,
  nextStep,
  type Proof,
} from '../../src/features/authn/next-step.ts'

const anything: Demand = { emailMethods: true }
const noMail: Demand = { emailMethods: false }
const [byMail = '', byPassword = ''] = acrValues

const proof = (method: Proof['method'], accountId = 'ada'): Proof => ({ method, accountId, at: 1_000 })
const step = (attempt: Attempt, demand = anything) =>
  nextStep(attempt, { layout: 'identifier-first', demand })
const mailed = { id: 'challenge', via: 'code', email: 'ada@example.test' } as const

describe('without a proof', () => {
  it('asks who, then for the password', () => {
    expect(step({})).toEqual({ do: 'identifier' })
    expect(step({ identifier: 'ada' })).toEqual({ do: 'password', identifier: 'ada' })
    expect(nextStep({ identifier: 'ada' }, { layout: 'single', demand: anything })).toEqual({
      do: 'sign_in',
      identifier: 'ada',
    })
  })

  it('waits for what was mailed, and after a right recovery code for the new password', () => {
    expect(step({ identifier: 'ada', mailed })).toEqual({ do: 'mail', mailed })
    const recovered = { ...mailed, via: 'recovery', proved: true } as const
    expect(step({ mailed: recovered })).toEqual({ do: 'new_password', mailed: recovered })
  })

  it.each([
    ['of nobody', [proof('pwd', '')]],
    ['of an unknown kind', [{ ...proof('pwd'), method: 'constructor' as Proof['method'] }]],
    ['none', []],
  ])('%s counts for nothing', (_, proofs) => {
    expect(step({ proofs })).toEqual({ do: 'identifier' })
  })
})

describe('somebody new', () => {
  const asking: Demand = { emailMethods: true, asksProfile: true }
  const newcomer = { proofs: [proof('email')], isNewcomer: true } as const
  const cases: [string, Attempt, Demand, boolean, string][] = [
    ['is asked for a name where the app wants it', newcomer, asking, false, 'profile'],
    ['is not asked where the app does not', newcomer, anything, false, 'done'],
    ['is not asked when the account has a name', newcomer, asking, true, 'done'],
    ['is asked once', { proofs: [proof('email')] }, asking, false, 'done'],
    ['has to prove who they are first', { isNewcomer: true }, asking, false, 'identifier'],
    [
      'is not asked on the strength of a proof that does not do',
      newcomer,
      { ...asking, emailMethods: false },
      false,
      'identifier',
    ],
  ]
  it.each(cases)('%s', (_, attempt, demand, isNamed, expected) => {
    expect(nextStep(attempt, { layout: 'identifier-first', demand, isNamed }).do).toBe(expected)
  })
})

describe('the level', () => {
  it('of a mail is the lowest and has a name of its own', () => {
    expect(step({ proofs: [proof('email')] })).toEqual({
      do: 'done',
      accountId: 'ada',
      amr: ['otp'],
      acr: 'urn:foyer:acr:email',
      authTime: 1_000,
    })
  })

  it('of a password is above it', () => {
    expect(step({ proofs: [proof('email'), proof('pwd')] })).toMatchObject({
      amr: ['pwd'],
      acr: 'urn:foyer:acr:pwd',
    })
  })

  const cases: [string, Proof['method'], Demand, string | undefined][] = [
    ['a mail, where mails sign nobody in', 'email', noMail, undefined],
    ['a password, where mails sign nobody in', 'pwd', noMail, byPassword],
    ['a mail, where a password is asked for', 'email', { ...anything, levels: [byPassword] }, undefined],
    ['a mail, where either will do', 'email', { ...anything, levels: [...acrValues] }, byMail],
    ['a password, where either will do', 'pwd', { ...anything, levels: [...acrValues] }, byPassword],
    ['a password, where a mail is asked for', 'pwd', { ...anything, levels: [byMail] }, byMail],
    ['a password, for a level nobody offers', 'pwd', { ...anything, levels: ['urn:nobody'] }, undefined],
  ]
  it.each(cases)('%s', (_, method, demand, acr) => {
    const next = step({ identifier: 'ada', proofs: [proof(method)] }, demand)
    expect(next.do === 'done' ? next.acr : undefined).toBe(acr)
    if (acr === undefined) expect(next).toEqual({ do: 'password', identifier: 'ada' })
  })

  it('decides whether mails are offered at all', () => {
    expect(mailSuffices(anything)).toBe(true)
    expect(mailSuffices(noMail)).toBe(false)
    expect(mailSuffices({ emailMethods: true, levels: [byPassword] })).toBe(false)
    expect(mailSuffices({ emailMethods: true, levels: [byMail, byPassword] })).toBe(true)
  })
})
