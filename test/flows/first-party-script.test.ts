// The script that the README shows, run as it is.
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { startApp, type TestApp } from '../support/app.ts'

let app: TestApp
beforeAll(async () => {
  app = await startApp({ jobs: true })
})
afterAll(() => app.close())

it('walks through the JSON door from sign-up to sign-out', async () => {
  const script = join(import.meta.dirname, '../../examples/first-party.sh')
  const child = spawn('bash', [script, app.issuer], { stdio: ['ignore', 'pipe', 'pipe'] })
  let words = ''
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8').on('data', (chunk: string) => {
      words += chunk
    })
  }
  const [code] = await once(child, 'close')
  expect(code, words).toBe(0)
  expect(words).toMatch(/POST {3}\/auth\/refresh +401\n$/)
})
