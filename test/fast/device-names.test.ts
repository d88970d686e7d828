// How devices are called: a guess for people's eyes, and nothing a stranger writes is repeated at length.
import { describe, expect, it } from 'vitest'
import { deviceNameOf } from '../../src/features/sessions/device-names.ts'

describe('a device is called', () => {
  it.each([
    ['Mozilla/5.0 (X11; Linux x86_64; rv:132.0) Gecko/20100101 Firefox/132.0', 'Firefox on Linux'],
    [
      'Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.0 Mobile/15E148 Safari/604.1',
      'Safari on iOS',
    ],
    [
      'Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/130.0.0.0 Safari/537.36 Edg/130.0.0.0',
      'Microsoft Edge on Windows',
    ],
    [
      'Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/130.0.0.0 Safari/537.36',
      'Chrome on macOS',
    ],
    ['curl/8.5.0', 'curl'],
    ['Acme App/2.1 CFNetwork/1485', 'Acme App'],
    ['node', 'node'],
    ['', 'Unknown device'],
    ['   ', 'Unknown device'],
    ['<script>alert(1)</script>', 'Unknown device'],
    ['Call +44 20 7946 0958 now! Your account is in danger', 'Unknown device'],
    ['x'.repeat(5000), 'Unknown device'],
  ])('%j: %s', (userAgent, device) => {
    expect(deviceNameOf(userAgent).device).toBe(device)
  })

  it('nothing when nothing is known', () => {
    expect(deviceNameOf(null)).toEqual({ device: 'Unknown device', browser: null, system: null })
    expect(deviceNameOf(undefined).browser).toBeNull()
  })
})
