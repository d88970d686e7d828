// The command people type: what they stop is npm, and Foyer must hear of it.
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { describe, expect, it } from 'vitest'
import { freePort } from '../support/ports.ts'

const root = join(import.meta.dirname, '..', '..')

async function isUp(url: string): Promise<boolean> {
  return fetch(url).then(
    (response) => response.ok,
    () => false,
  )
}

async function until(condition: () => Promise<boolean>, patienceMs: number): Promise<boolean> {
  for (let waited = 0; waited < patienceMs; waited += 100) {
    if (await condition()) return true
    await sleep(100)
  }
  return false
}

describe('npm start', () => {
  it('prints a short banner, and ends with everything it began when npm is told to end', async () => {
    const dataDir = mkdtempSync(join(tmpdir(), 'foyer npm start '))
    const port = await freePort()
    const { PATH, HOME } = process.env
    const npm = spawn('npm', ['start'], {
      cwd: root,
      env: { PATH, HOME, PORT: String(port), FOYER_PLAYGROUND_PORT: '0', FOYER_DATA_DIR: dataDir },
      stdio: ['ignore', 'pipe', 'ignore'],
    })
    let printed = ''
    npm.stdout.on('data', (chunk) => {
      printed += chunk
    })
    try {
      expect(await until(() => isUp(`http://localhost:${port}/readyz`), 60_000)).toBe(true)
      // npm's own lines count too
      expect(printed.trimEnd().split('\n').length).toBeLessThanOrEqual(14)
      expect(printed).toContain(`http://localhost:${port}`)

      npm.kill('SIGTERM')
      const [code] = await once(npm, 'exit', { signal: AbortSignal.timeout(10_000) })
      expect(code).toBe(0)
      expect(await isUp(`http://localhost:${port}/livez`)).toBe(false)
    } finally {
      npm.kill('SIGTERM')
      rmSync(dataDir, { recursive: true, force: true })
    }
  })
})
