// Owns by which name a client knows a person (OIDC Core §8): the account's id, or one that only clients of its sector
// hear. Nobody computes the account from such a name, or one sector's name from another's.
import { createHmac, type KeyObject } from 'node:crypto'
import { sectorOf } from '../features/clients/sector-schema.ts'
import type { ProtocolClient } from '../features/clients/store.ts'

export type SubjectsDeps = {
  /** Its root is drawn once and rests sealed, so a name stays when the key-encryption key is replaced. */
  sealer: { derive(purpose: string): KeyObject }
}
export type SubjectOf = ReturnType<typeof createSubjects>

export function createSubjects({ sealer }: SubjectsDeps) {
  const salt = sealer.derive('pairwise-subjects')

  return function subjectOf({ metadata }: Pick<ProtocolClient, 'metadata'>, accountId: string): string {
    if (metadata.subject_type !== 'pairwise') return accountId
    const sector = sectorOf(metadata)
    if (sector === undefined) throw new Error('a client with pairwise subjects has no sector')
    return createHmac('sha256', salt).update(`${sector} ${accountId}`).digest('base64url')
  }
}
