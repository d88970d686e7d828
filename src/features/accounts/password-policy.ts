// Owns which passwords are accepted (NIST SP 800-63B-4 §3.1.1.2): length and what stands near, no composition;
// and in a word how strong one is. Hashing them is platform/passwords, the list of common ones password-list.ts.
import { limits } from '../../config/limits.ts'
import type { FieldError } from '../../kernel/errors.ts'
import { continuesRun, foldPassword, unrepeated } from './password-list.ts'

type Person = { email: string; username?: string | null; name?: string | null }

export type PasswordPolicy = (password: string, person: Person) => FieldError[]
/** The policy, and what has to be asked elsewhere. */
export type PasswordCheck = (password: string, person: Person) => FieldError[] | Promise<FieldError[]>

export type PasswordPolicyDeps = {
  minLength: number
  /** Whether a password, in lower case, is one of those that attackers try first. */
  isCommon?: (password: string) => boolean
}

/** A key of the words in locales: common.strength_weak and so on. */
export type Strength = 'too_short' | 'weak' | 'fair' | 'strong'

const productName = 'foyer'
/** A part of an address this short stands in too many words to mean anything. */
const shortestTellingPart = 4
const shortestTellingName = 5

export function createPasswordPolicy({
  minLength,
  isCommon = () => false,
}: PasswordPolicyDeps): PasswordPolicy {
  return (password, person) => {
    // Counted as people count: one for each code point.
    const length = lengthOf(password)
    if (length < minLength) return [refusal('password_too_short', `Use at least ${minLength} characters.`)]
    if (length > limits.passwordMaxLength || !password.isWellFormed()) {
      return [refusal('password_too_long', `Use at most ${limits.passwordMaxLength} characters.`)]
    }

    const folded = foldPassword(password)
    if (tellingParts(person).some((part) => folded.includes(part)) || tellsName(folded, person.name)) {
      return [refusal('password_contains_name', 'Leave your address, your name and “Foyer” out of it.')]
    }
    if (isCommon(folded)) return [commonPassword]
    return []
  }
}

/** The policy first: what it refuses is not asked about elsewhere. */
export function createPasswordCheck({
  policy,
  isLeaked,
}: {
  policy: PasswordPolicy
  /** Absent where no leaked passwords are looked up. */
  isLeaked?: ((password: string) => Promise<boolean>) | undefined
}): PasswordCheck {
  return async (password, person) => {
    const errors = policy(password, person)
    if (errors.length > 0 || !(await isLeaked?.(password))) return errors
    return [refusal('password_leaked', 'This password has been found in a leak, so it is among those tried.')]
  }
}

/**
 * What a page says of a password that was refused, beside the reason. It refuses nothing: that is the policy's.
 * By how many different characters there are to guess, since length without them is `aaaaaaaa`.
 */
export function createStrength({ minLength, isCommon = () => false }: PasswordPolicyDeps) {
  return (password: string): Strength => {
    if (lengthOf(password) < minLength) return 'too_short'
    const folded = foldPassword(longestPart(password))
    if (isCommon(folded)) return 'weak'
    const characters = [...unrepeated(folded)].filter((_, at, all) => !continuesRun(all, at))
    const worth = Math.min(characters.length, 2 * new Set(characters).size)
    if (worth < 10) return 'weak'
    return worth < 16 ? 'fair' : 'strong'
  }
}

const lengthOf = (password: string): number => [...password.normalize('NFC')].length

/** Of a password that is too long: looking for repeats in all that a form may hold would keep everybody waiting. */
const longestPart = (password: string): string => [...password].slice(0, limits.passwordMaxLength).join('')

const refusal = (code: string, detail: string): FieldError => ({ pointer: '/password', code, detail })

const commonPassword = refusal(
  'password_common',
  'Many people use this password, so it is among the first to be tried.',
)

function tellingParts({ email, username }: Person): string[] {
  const [local = ''] = email.toLowerCase().split('@')
  const names = [local, username ?? ''].filter((name) => name.length >= shortestTellingPart)
  return [...names, productName]
}

/** The whole name, however its words are held together; parts of names are words like others. */
function tellsName(folded: string, name?: string | null): boolean {
  const letters = lettersOf(foldPassword(name ?? ''))
  return letters.length >= shortestTellingName && lettersOf(folded).includes(letters)
}

const lettersOf = (text: string): string => text.replace(/\P{L}/gu, '')
