// The generated documents against the tables they are made from.
import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { generated } from '../../scripts/docs.ts'
import { loadConfig } from '../../src/config/load.ts'
import { settings } from '../../src/config/schema.ts'

describe('the generated documents', () => {
  it.each(Object.entries(generated()))('%s is what `npm run docs` writes', (path, text) => {
    expect(readFileSync(path, 'utf8')).toBe(text)
  })

  it('.env.example names every setting, sets none, and starts Foyer once its names are taken over', () => {
    const lines = (generated()['.env.example'] ?? '').split('\n')
    expect(lines.filter((line) => line !== '' && !line.startsWith('#'))).toEqual([])
    const names = lines.flatMap((line) => /^# ([A-Z_]+)=$/.exec(line)?.[1] ?? [])
    expect(names).toEqual(Object.keys(settings))
    expect(() => loadConfig(Object.fromEntries(names.map((name) => [name, ''])), '/tmp')).not.toThrow()
  })
})
