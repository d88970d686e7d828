// Owns holding the audit log against its chain: every sealed fact is there and says what it said, in its order, and
// every fact that is there is sealed or waits for that. Beside a running instance it sees what was committed by then.
import { sameHash } from '../../kernel/secrets.ts'
import type { Clock } from '../../kernel/time.ts'
import { type Link, nextLink, origin } from './chain-policy.ts'
import type { ChainStore, SealedRow } from './chain-store.ts'
import { keptSince } from './retention-policy.ts'

const batchSize = 1000

/**
 * `changed`: the fact or its seal is not what was sealed there. `missing`: the fact is gone. `gap`: a seal is gone.
 * `foreign`: a fact that no seal names, or one of a time that was dropped. `cut_off`: the chain ends before the kept head. `other_chain`: the kept head
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
  /** Facts before it were dropped when their time was over. */
  keptSince: Date
  /** Whether the kept head is among what is there; an older one went with its time. */
  isHeadCompared: boolean
  /** The first that is wrong. */
  damage: Damage | undefined
}

export type Verification = ReturnType<typeof createVerification>

export function createVerification({ store, clock }: { store: ChainStore; clock: Clock }) {
  /** Walks the chain from its beginning to the first seal that does not follow from the one before. */
  async function walkSeals(since: Date, kept: Link | undefined) {
    let last = origin
    let sealed = 0
    let isHeadCompared = false
    let rows: SealedRow[]
    do {
      rows = await store.listSeals(last.seq, batchSize)
      for (const row of rows) {
        const damage = damageOf(row, { last, kept, since })
        if (damage) return { sealed, head: last, isHeadCompared, damage }
        last = { seq: row.seq, hash: row.hash }
        if (row.seq === kept?.seq) isHeadCompared = true
        if (row.canonical !== null) sealed += 1
      }
    } while (rows.length === batchSize)
    const damage = kept !== undefined && kept.seq > last.seq ? cutOff(kept) : undefined
    return { sealed, head: last, isHeadCompared, damage }
  }

  async function findForeign(since: Date): Promise<Damage | undefined> {
    let behind: { id: string; at: Date } | undefined
    for (;;) {
      const rows = await store.listFacts(behind, batchSize)
      const foreign = rows.find(({ isKnown, at }) => !isKnown || at < since)
      if (foreign) return { what: 'foreign', seq: null, id: foreign.id, at: foreign.at }
      if (rows.length < batchSize) return undefined
      behind = rows.at(-1)
    }
  }

  /** `kept` is a head of this chain that was written down elsewhere. */
  async function verify(kept?: Link): Promise<Verdict> {
    const since = keptSince(await store.findDropped(), clock.now())
    const { damage, ...walked } = await walkSeals(since, kept)
    const { count, missing } = await store.findWaiting()
    const lost: Damage | undefined = missing && { what: 'missing', seq: null, ...missing }
    const first = damage ?? lost ?? (await findForeign(since))
    return { ...walked, unsealed: count, keptSince: since, damage: first }
  }

  return { verify }
}

const cutOff = ({ seq }: Link): Damage => ({ what: 'cut_off', seq, id: null, at: null })

type Place = { last: Link; kept: Link | undefined; since: Date }

/**
 * What is wrong with a seal that is read behind `last`. The seal of a fact that was dropped is taken as it stands: from
 * the last of them on the chain is held against facts again.
 */
function damageOf(row: SealedRow, { last, kept, since }: Place): Damage | undefined {
  const { seq, id, at, hash, canonical } = row
  const isDropped = canonical === null && at < since
  const isBeginning = last === origin && isDropped
  if (seq !== last.seq + 1 && !isBeginning) return { what: 'gap', seq: last.seq + 1, id: null, at: null }
  if (canonical === null && !isDropped) return { what: 'missing', seq, id, at }
  if (canonical !== null && !sameHash(nextLink(last, canonical).hash, hash))
    return { what: 'changed', seq, id, at }
  if (kept?.seq === seq && !sameHash(kept.hash, hash)) return { what: 'other_chain', seq, id, at }
  return undefined
}
