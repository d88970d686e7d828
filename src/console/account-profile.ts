// Owns how a profile becomes a form and a form a change: only what was edited is touched.
import type { Account, ChangeAccount } from '../features/accounts/schema.ts'
import type { Form } from '../web/input.ts'

const claims = [
  'name',
  'given_name',
  'family_name',
  'middle_name',
  'nickname',
  'profile',
  'picture',
  'website',
  'gender',
  'birthdate',
  'zoneinfo',
  'phone_number',
] as const
const addressParts = ['street_address', 'locality', 'region', 'postal_code', 'country'] as const

/** One line, as an input shows it. */
const line = (text: string | undefined): string => (text ?? '').replace(/\s*[\r\n]+\s*/g, ', ')

/** What the form shows, by the name of the input. */
export function valuesOf({ profile, username, locale }: Account): Record<string, string> {
  return {
    username: username ?? '',
    locale: locale ?? '',
    ...Object.fromEntries(claims.map((claim) => [claim, line(profile[claim])])),
    ...Object.fromEntries(addressParts.map((part) => [part, line(profile.address?.[part])])),
  }
}

/** What the person edited, in the shape that the schema takes; an emptied input takes its value off. */
export function changeOf(form: Form, account: Account): Record<keyof ChangeAccount, unknown> | undefined {
  const before = valuesOf(account)
  const edited = Object.entries(form)
    .map(([name, value]) => [name, value.trim()] as const)
    .filter(([name, value]) => Object.hasOwn(before, name) && before[name] !== value)
  if (edited.length === 0) return undefined

  const given = new Map(edited.map(([name, value]) => [name, value === '' ? null : value]))
  const profile = Object.fromEntries(
    claims.filter((claim) => given.has(claim)).map((claim) => [claim, given.get(claim)]),
  )
  const address = addressOf(given, account)
  const hasProfile = Object.keys(profile).length > 0 || address !== undefined
  return {
    username: given.get('username'),
    locale: given.get('locale'),
    profile: hasProfile ? { ...profile, ...(address !== undefined && { address }) } : undefined,
  }
}

/** The whole address as it is now; the formatted one no longer says the same and goes (OIDC Core §5.1.1). */
function addressOf(given: ReadonlyMap<string, string | null>, { profile }: Account) {
  if (!addressParts.some((part) => given.has(part))) return undefined
  const { formatted: _, ...parts } = profile.address ?? {}
  const merged = { ...parts, ...Object.fromEntries([...given].filter(([name]) => isPart(name))) }
  const left = Object.entries(merged).filter(([, value]) => value !== null)
  return left.length === 0 ? null : Object.fromEntries(left)
}

const isPart = (name: string): boolean => (addressParts as readonly string[]).includes(name)
