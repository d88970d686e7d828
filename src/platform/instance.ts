// Owns what is remembered of the demo in the one row of the installation; its clock is timekeeper.ts.
import type { Db } from './postgres.ts'

/** The fingerprint under which the demo was last seeded. */
export async function readDemoSeed(db: Pick<Db, 'query'>): Promise<string | null> {
  const [row] = await db.query<{ demo_seed: string | null }>({
    name: 'instance_demo_seed',
    text: 'SELECT demo_seed FROM instance',
    values: [],
  })
  return row?.demo_seed ?? null
}

export async function saveDemoSeed(db: Pick<Db, 'query'>, fingerprint: string): Promise<void> {
  await db.query({ text: 'UPDATE instance SET demo_seed = $1', values: [fingerprint] })
}
