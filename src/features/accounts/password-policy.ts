// Owns which passwords are accepted (NIST SP 800-63B-4 §3.1.1.2): length and what stands near, no composition.
// Hashing them is platform/passwords.
import { limits } from '../../config/limits.ts'
import type { FieldError } from '../../kernel/errors.ts'

export type PasswordPolicy = (
  password: string,
  person: { email: string; username?: string | null },
) => FieldError[]

export type PasswordPolicyDeps = {
  minLength: number
  /** Whether a password, in lower case, is one of those that attackers try first. */
  isCommon?: (password: string) => boolean
}

const productName = 'foyer'
/** A part of an address this short stands in too many words to mean anything. */
const shortestTellingPart = 4

export function createPasswordPolicy({
  minLength,
  isCommon = () => false,
}: PasswordPolicyDeps): PasswordPolicy {
  return (password, { email, username }) => {
    // Counted as people count: one for each code point.
    const length = [...password.normalize('NFC')].length
    if (length < minLength) return [refusal('password_too_short', `Use at least ${minLength} characters.`)]
    if (length > limits.passwordMaxLength || !password.isWellFormed()) {
      return [refusal('password_too_long', `Use at most ${limits.passwordMaxLength} characters.`)]
    }

    const folded = password.normalize('NFKC').toLowerCase()
    if (tellingParts(email, username).some((part) => folded.includes(part))) {
      return [refusal('password_contains_name', 'Leave your address, your name and “Foyer” out of it.')]
    }
    if (isCommon(folded)) {
      return [
        refusal('password_common', 'Many people use this password, so it is among the first to be tried.'),
      ]
    }
    return []
  }
}

const refusal = (code: string, detail: string): FieldError => ({ pointer: '/password', code, detail })

function tellingParts(email: string, username?: string | null): string[] {
  const [local = ''] = email.toLowerCase().split('@')
  const names = [local, username ?? ''].filter((name) => name.length >= shortestTellingPart)
  return [...names, productName]
}
