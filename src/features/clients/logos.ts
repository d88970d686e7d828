// Owns the logos of apps: asked for once, kept, and shown from here, so that whoever hosts them learns nothing of the
// people who sign in. What their addresses answer is believed to be an image only when its first bytes are.
import { hash } from 'node:crypto'
import { type Clock, days, hours } from '../../kernel/time.ts'
import type { OutboundFetch } from '../../platform/outbound.ts'
import type { KnownLogo, Logo, LogosStore } from './logos-store.ts'

export type LogosDeps = { store: LogosStore; call: OutboundFetch; clock: Clock }

const mostBytes = 64 * 1024
/** How long an image is shown before its address is asked again. */
const freshMs = days(7)
/** How long an address that gave none is left alone. */
const quietMs = hours(1)

const prefix = '/logos/'
export const logoPath = `${prefix}:client_id`

/** Where a page finds the logo; another logo is at another address, whatever browsers have kept. */
export const logoPathOf = (clientId: string, logoUri: string): string =>
  `${prefix}${encodeURIComponent(clientId)}?of=${hash('sha256', logoUri, 'hex').slice(0, 8)}`

export function createClientLogos({ store, call, clock }: LogosDeps) {
  /** The logo that a client names, or undefined: then its initials stand for it. */
  async function find(clientId: string): Promise<Logo | undefined> {
    const known = await store.find(clientId)
    if (!known) return undefined
    const kept = imageOf(known)
    const now = clock.now()
    const askedBefore = new Date(now.getTime() - (kept ? freshMs : quietMs))
    if (!isDue(known, askedBefore)) return kept
    const source = known.wanted
    if (!(await store.claim({ clientId, source, now, askedBefore }))) return kept
    const fetched = await ask(source)
    if (fetched) await store.keep(clientId, source, fetched)
    return fetched ?? kept
  }

  async function ask(source: string): Promise<Logo | undefined> {
    try {
      const { status, bytes } = await call(source, { headers: { accept: 'image/*' }, mostBytes })
      const mediaType = mediaTypeOf(bytes)
      const isLogo = status === 200 && mediaType !== undefined
      return isLogo ? { mediaType, image: bytes } : undefined
    } catch {
      // Whatever stands at the other end, a page does without
      return undefined
    }
  }

  return { find }
}

export type ClientLogos = ReturnType<typeof createClientLogos>

const isDue = ({ wanted, source, asked_at }: KnownLogo, askedBefore: Date): boolean =>
  source !== wanted || asked_at === null || asked_at <= askedBefore

function imageOf({ wanted, source, media_type, image }: KnownLogo): Logo | undefined {
  if (source !== wanted || media_type === null || image === null) return undefined
  return { mediaType: media_type, image }
}

// Images of pixels alone: an SVG may hold scripts and addresses. The first bytes in hex.
const signatures: readonly [mediaType: string, pattern: RegExp][] = [
  ['image/png', /^89504e470d0a1a0a/],
  ['image/jpeg', /^ffd8ff/],
  ['image/gif', /^474946383[79]61/],
  ['image/webp', /^52494646.{8}57454250/],
]

function mediaTypeOf(bytes: Buffer): string | undefined {
  const head = bytes.toString('hex', 0, 12)
  return signatures.find(([, pattern]) => pattern.test(head))?.[0]
}
