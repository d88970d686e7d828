// Owns what an email address is: the one parser through which every address enters Foyer.
// Whether somebody reads mail there is decided by proofs, not here.
import { domainToASCII, domainToUnicode } from 'node:url'
import { invalidInput } from '../../kernel/errors.ts'

export type Email = {
  /** As mail is sent to it: the local part as typed, the domain in A-labels. */
  address: string
  /** As it is compared and kept unique: all lower-case. */
  canonical: string
}

/** RFC 5321 §4.5.3.1.3: a path holds 256 octets, two of which are its brackets. */
const longestAddress = 254
const longestLocalPart = 64

// RFC 5322 §3.2.3 dot-atom: no quotes, comments, spaces, commas or empty parts.
const dotAtom = /^[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+(?:\.[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+)*$/
// Letters, marks, digits, hyphens and dots of any script; brackets, percent signs and underscores stay out.
const domainText = /^[\p{L}\p{M}\p{N}.-]+$/u
const hostLabel = '[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?'
// At least two labels, and the last one not a number: that would be an IP address.
const hostName = new RegExp(`^(?:${hostLabel}\\.)+(?=[a-z0-9-]*[a-z])${hostLabel}$`)
// Invisible where they are shown, dropped or kept as each library pleases.
const invisible = /[\p{C}\p{Z}\p{Default_Ignorable_Code_Point}]/u

/**
 * One plain address, or null. Look-alikes such as the full-width @ are folded before they are counted:
 * checked afterwards, an address could hold two domains (GHSA-7rqj-j65f-68wh).
 */
export function parseEmail(text: string): Email | null {
  if (text.length > 2 * longestAddress || invisible.test(text)) return null

  const [local = '', domainPart = '', ...more] = text.normalize('NFKC').split('@')
  if (more.length > 0 || local.length > longestLocalPart || !dotAtom.test(local)) return null

  const domain = parseDomain(domainPart)
  if (!domain) return null

  const address = `${local}@${domain}`
  if (address.length > longestAddress) return null
  return { address, canonical: address.toLowerCase() }
}

/** The same for a form: what is no address is the typist's to mend. */
export function requireEmail(text: string): Email {
  const email = parseEmail(text.trim())
  if (email) return email
  throw invalidInput([{ pointer: '/email', code: 'email_invalid', detail: 'Give one plain email address.' }])
}

function parseDomain(text: string): string | null {
  if (!domainText.test(text)) return null
  // Answers an empty string for what IDNA refuses.
  const ascii = domainToASCII(text)
  if (ascii.length > 253 || !hostName.test(ascii)) return null
  // A label that stays encoded is forged punycode, which stands for no name at all.
  return /(^|\.)xn--/.test(domainToUnicode(ascii)) ? null : ascii
}
