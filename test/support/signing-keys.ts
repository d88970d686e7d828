// Owns the RSA keys that products inside the tests sign with. Made once a machine and kept as a file: two pairs of
// 3,072 bits cost as much as the rest of a start. A product takes them for its own, published when it first starts.
import { readFileSync, renameSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { KeyPair } from '../../src/features/artifacts/signing-keys.ts'
import { makeKeyPair } from '../../src/oidc/keys.ts'
import type { Services } from '../../src/services.ts'

type Kept = Omit<KeyPair, 'privateKey'> & { state: 'active' | 'next'; privateKey: string }

const path = join(tmpdir(), `foyer-test-keys-${process.getuid?.() ?? 0}.json`)

async function make(): Promise<Kept[]> {
  const states = ['active', 'next'] as const
  const kept = await Promise.all(
    states.map(async (state): Promise<Kept> => {
      const { privateKey, ...pair } = await makeKeyPair('RS256')
      return { ...pair, state, privateKey: privateKey.toString('base64') }
    }),
  )
  // Whole or not at all, since two test files may begin at the same time
  const draft = `${path}.${process.pid}`
  writeFileSync(draft, JSON.stringify(kept), { mode: 0o600 })
  renameSync(draft, path)
  return kept
}

async function keptKeys(): Promise<Kept[]> {
  try {
    return JSON.parse(readFileSync(path, 'utf8'))
  } catch {
    return make()
  }
}

/** For a database that has no keys yet; those of the other algorithms are quickly made. */
export async function insertSigningKeys({ signingKeys, clock }: Pick<Services, 'signingKeys' | 'clock'>) {
  if ((await signingKeys.list()).length > 0) return
  const now = clock.now()
  for (const { privateKey, state, ...key } of await keptKeys()) {
    await signingKeys.insert({ ...key, privateKey: Buffer.from(privateKey, 'base64') }, { state, now })
  }
}
