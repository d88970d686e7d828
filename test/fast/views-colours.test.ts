import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { publicDir } from '../support/page-app.ts'

// axe cannot judge text on a gradient, so the colours themselves are held to WCAG 1.4.3 and 1.4.11 here.
const css = readFileSync(join(publicDir, 'app.css'), 'utf8')

function tokensOf(theme: 'light' | 'dark'): Record<string, string> {
  const pairs = [...css.matchAll(/--([\w-]+): light-dark\((#\w+), (#\w+)\)/g)]
  return Object.fromEntries(pairs.map(([, name, light, dark]) => [name, theme === 'light' ? light : dark]))
}

function luminance(hex: string): number {
  const digits =
    hex.length === 4 ? [...hex.slice(1)].map((digit) => digit + digit) : hex.slice(1).match(/../g)
  const [red = 0, green = 0, blue = 0] = (digits ?? []).map((pair) => {
    const value = Number.parseInt(pair, 16) / 255
    return value <= 0.04045 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4
  })
  return 0.2126 * red + 0.7152 * green + 0.0722 * blue
}

function contrast(one: string, other: string): number {
  const [dark = 0, light = 0] = [luminance(one), luminance(other)].sort((left, right) => left - right)
  return (light + 0.05) / (dark + 0.05)
}

const textOn = [
  ['ink', 'door'],
  ['soft', 'door'],
  ['accent', 'door'],
  ['accent-strong', 'door'],
  ['on-accent', 'accent'],
  ['on-accent', 'accent-strong'],
  ['ink', 'tint'],
  ['danger', 'door'],
  ['danger', 'danger-tint'],
  ['soft', 'floor'],
  ['soft', 'spill'],
] as const

const edgesOn = [
  ['edge', 'door'],
  ['accent', 'door'],
  ['danger', 'door'],
] as const

describe.each(['light', 'dark'] as const)('colours in the %s', (theme) => {
  const tokens = tokensOf(theme)
  const between = (one: string, other: string) => contrast(tokens[one] ?? '', tokens[other] ?? '')

  it.each(textOn)('show text of %s on %s with 4.5:1', (text, ground) => {
    expect(between(text, ground)).toBeGreaterThanOrEqual(4.5)
  })

  it.each(edgesOn)('show edges of %s on %s with 3:1', (edge, ground) => {
    expect(between(edge, ground)).toBeGreaterThanOrEqual(3)
  })
})

describe('browsers without light-dark()', () => {
  it('get the colours of the light theme', () => {
    const light = tokensOf('light')
    const fallback = /@supports not [^{]*\{([\s\S]*?)\n\}/.exec(css)?.[1] ?? ''
    const given = Object.fromEntries(
      [...fallback.matchAll(/--([\w-]+): (#\w+)/g)].map(([, name, hex]) => [name, hex]),
    )
    expect(given).toEqual(light)
  })
})
