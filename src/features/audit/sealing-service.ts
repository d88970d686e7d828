// Owns sealing: facts are written by everybody at once and put into the chain afterwards, batch by batch, so that no
// writer waits for another. The order of the seals is the order in which facts are told to whoever listens.
import { linksBehind, origin } from './chain-policy.ts'
import type { SealStore } from './seal-store.ts'

/** Few enough that a statement stays short, many enough that a burst is sealed in a moment. */
const batchSize = 500

export type Sealing = ReturnType<typeof createSealing>

export function createSealing({ store }: { store: SealStore }) {
  /** How many facts were sealed; none when another process was at it. */
  async function sealBatch(): Promise<number> {
    const { head, facts } = await store.readUnsealed(batchSize)
    if (facts.length === 0) return 0
    const links = linksBehind(
      head ?? origin,
      facts.map(({ canonical }) => canonical),
    )
    return (await store.seal(facts, links)) ? facts.length : 0
  }

  /** Seals what was committed before it was called, unless another process is doing so. */
  async function sealAll(): Promise<void> {
    if (!(await store.hasUnsealed())) return
    let sealed: number
    do sealed = await sealBatch()
    while (sealed === batchSize)
  }

  return { sealAll }
}
