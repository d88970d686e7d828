// Owns the client that an example is at Foyer: registered at the first start, kept in a file, brought in line at each.
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { type Management, Refused } from './management.ts'

export type Registered = { clientId: string; clientSecret: string | undefined }

/** OIDC client metadata, as `POST /api/v1/clients` takes it. */
export type Metadata = { client_name: string } & Record<string, unknown>

type Kept = Registered & { issuer: string }

/** `folder` is where the example keeps its data; the file in it is for nobody else's eyes. */
export async function registerClient(
  management: Management,
  { issuer, folder, metadata }: { issuer: string; folder: string; metadata: Metadata },
): Promise<Registered> {
  const file = join(folder, 'client.json')
  const kept = readKept(file)
  if (kept?.issuer === issuer && (await isStillThere(management, kept, metadata))) return kept

  const created = await management.ask<{ client_id: string; client_secret?: string }>(
    'POST',
    '/clients',
    metadata,
  )
  const registered = { clientId: created.client_id, clientSecret: created.client_secret }
  mkdirSync(folder, { recursive: true })
  writeFileSync(file, JSON.stringify({ issuer, ...registered } satisfies Kept), { mode: 0o600 })
  return registered
}

function readKept(file: string): Kept | undefined {
  try {
    return JSON.parse(readFileSync(file, 'utf8')) as Kept
  } catch {
    return undefined
  }
}

/** Its port may be another today, so the metadata are said again. Foyer may have been begun anew as well. */
async function isStillThere(management: Management, kept: Kept, metadata: Metadata): Promise<boolean> {
  try {
    await management.ask('PUT', `/clients/${kept.clientId}`, metadata)
    return true
  } catch (error) {
    if (error instanceof Refused && error.status === 404) return false
    throw error
  }
}
