// What a process holds once it has nothing to do (ADR 0022). Linux only, since nothing else has /proc: scripts/test.mjs
// says so where it leaves this out.
import { readFileSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import { describe, expect, it, onTestFinished } from 'vitest'
import { startProduct } from '../support/process.ts'
import { createRp, demoMachine } from '../support/rp.ts'

const limitKiB = 160 * 1024

/** The memory of a process that is in use at this moment, files mapped into it included. */
function residentKiB(pid: number): number {
  const [, size] = /^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8')) ?? []
  return Number(size)
}

const pauseMs = 250
const quietReadings = 12
const mostReadings = 120

/** Read until it has hardly moved for three seconds: what a start leaves to do is done by then. */
async function settledKiB(pid: number): Promise<number> {
  const readings: number[] = []
  while (readings.length < mostReadings) {
    readings.push(residentKiB(pid))
    const latest = readings.slice(-quietReadings)
    if (latest.length === quietReadings && Math.max(...latest) - Math.min(...latest) < 1024) break
    await sleep(pauseMs)
  }
  return Math.max(...readings.slice(-quietReadings))
}

describe.runIf(process.platform === 'linux')('the memory of a process at rest', () => {
  it('is at most 160 MiB on a new data directory, after a sign-in and a token', async () => {
    const product = await startProduct({ coverage: false })
    onTestFinished(() => product.kill())

    const discovery = await fetch(`${product.issuer}/.well-known/openid-configuration`)
    expect((await discovery.json()).issuer).toBe(product.issuer)
    const machine = createRp(product.issuer, demoMachine)
    const { status } = await machine.post('/oauth2/token', { grant_type: 'client_credentials' })
    expect(status).toBe(200)
    // From the sign-in page on, by password
    const { id_token } = await createRp(product.issuer).tokens()
    expect(id_token).toBeDefined()

    expect(await settledKiB(product.pid)).toBeLessThanOrEqual(limitKiB)
  })
})
