// Owns how a device is called, after the user agent it sent. A guess that is shown and never decided on.
import { parse } from 'bowser'

export type DeviceName = { device: string; browser: string | null; system: string | null }

const unknown: DeviceName = { device: 'Unknown device', browser: null, system: null }
// RFC 9110 §10.1.5: product, as programs call themselves. Whatever else is in there is not repeated on a page.
const product = /^([A-Za-z][A-Za-z0-9 ._-]{0,39})(?:\/|$)/

export function deviceNameOf(userAgent: string | null | undefined): DeviceName {
  const text = userAgent?.trim() ?? ''
  if (text === '') return unknown
  const { browser, os } = parse(text)
  const system = os.name || null
  if (browser.name && system) return { device: `${browser.name} on ${system}`, browser: browser.name, system }
  const name = browser.name || product.exec(text)?.[1]
  return name ? { device: name, browser: name, system: null } : unknown
}
