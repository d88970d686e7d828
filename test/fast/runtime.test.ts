// The question whether a Node is new enough.
import { describe, expect, it } from 'vitest'
import { assertRuntime } from '../../src/kernel/runtime.ts'

describe('the runtime', () => {
  it.each(['22.12.0', '24.21.0', '26.0.0'])('is accepted as Node %s', (version) => {
    expect(() => assertRuntime(version)).not.toThrow()
  })

  it.each(['20.20.2', '22.11.9', '18.0.0'])('is refused as Node %s, with what to do', (version) => {
    expect(() => assertRuntime(version)).toThrow(/npm start/)
  })
})
