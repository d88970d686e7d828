// Owns holding the audit log against its chain: every sealed fact is there and says what it said, in its order, and
// every fact that is there is sealed or waits for that. Beside a running instance it sees what was committed by then.
import { sameHash } from '../../kernel/secrets.ts'
import { type Link, nextLink, origin } from './chain-policy.ts'
import type { ChainStore, SealedRow } from './chain-store.ts'

const batchSize = 1000

/**
 * `changed`: the fact or its seal is not what was sealed there. `missing`: the fact is gone. `gap`: a seal is gone.
 * `foreign`: a fact that no seal names. `cut_off`: the chain ends before the kept head. `other_chain`: the kept head
 * is not of this chain.
 */
export type Damage = {
  what: 'changed' | 'missing' | 'gap' | 'foreign' | 'cut_off' | 'other_chain'
  seq: number | null
  id: string | null
  at: Date | null
}

export type Verdict = {
  sealed: number
  /** Facts that are not in the chain yet: nothing proves them. */
  unsealed: number
  head: Link
  /** The first that is wrong. */
  damage: Damage | undefined
}

export type Verification = ReturnType<typeof createVerification>

export function createVerification({ store }: { store: ChainStore }) {
  /** Walks the chain from its beginning to the first seal that does not follow from the one before. */
  async function walkSeals(kept: Link | undefined) {
    let last = origin
    let sealed = 0
    let rows: SealedRow[]
    do {
      rows = await store.listSeals(last.seq, batchSize)
      for (const row of rows) {
        const damage = damageOf(row, { last, kept })
        if (damage) return { sealed, head: last, damage }
        last = { seq: row.seq, hash: row.hash }
        sealed += 1
      }
    } while (rows.length === batchSize)
    const isCutOff = kept !== undefined && kept.seq > last.seq
    return { sealed, head: last, damage: isCutOff ? cutOff(kept) : undefined }
  }

  async function findForeign(): Promise<Damage | undefined> {
    let behind: { id: string; at: Date } | undefined
    for (;;) {
      const rows = await store.listFacts(behind, batchSize)
      const foreign = rows.find(({ isKnown }) => !isKnown)
      if (foreign) return { what: 'foreign', seq: null, id: foreign.id, at: foreign.at }
      if (rows.length < batchSize) return undefined
      behind = rows.at(-1)
    }
  }

  /** `kept` is a head of this chain that was written down elsewhere. */
  async function verify(kept?: Link): Promise<Verdict> {
    const { sealed, head, damage } = await walkSeals(kept)
    const { count, missing } = await store.findWaiting()
    const lost: Damage | undefined = missing && { what: 'missing', seq: null, ...missing }
    return { sealed, unsealed: count, head, damage: damage ?? lost ?? (await findForeign()) }
  }

  return { verify }
}

const cutOff = ({ seq }: Link): Damage => ({ what: 'cut_off', seq, id: null, at: null })

/** What is wrong with a seal that is read behind `last`. */
function damageOf(
  row: SealedRow,
  { last, kept }: { last: Link; kept: Link | undefined },
): Damage | undefined {
  const { seq, id, at, hash, canonical } = row
  if (seq !== last.seq + 1) return { what: 'gap', seq: last.seq + 1, id: null, at: null }
  if (canonical === null) return { what: 'missing', seq, id, at }
  if (!sameHash(nextLink(last, canonical).hash, hash)) return { what: 'changed', seq, id, at }
  if (kept?.seq === seq && !sameHash(kept.hash, hash)) return { what: 'other_chain', seq, id, at }
  return undefined
}
