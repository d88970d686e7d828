// Owns how artifacts are saved, spent and ended: each call stages a write in the unit of work.
import { limits } from '../../config/limits.ts'
import { hashSecret, newId } from '../../kernel/secrets.ts'
import type { Clock } from '../../kernel/time.ts'
import { after, fromSeconds, hours } from '../../kernel/time.ts'
import { linksOf, sealInteraction } from './interaction.ts'
import type { Kind, Payload } from './kinds.ts'
import { isShortLived } from './kinds.ts'
import { insertArtifact } from './new-artifacts.ts'
import { deleteSession, endOldestSessions, insertSession, updateSession } from './session-writes.ts'
import type { Unit } from './unit-of-work.ts'
import { currentUnit, note, rowOf, stage } from './unit-of-work.ts'
import * as write from './writes.ts'

export type KeeperDeps = {
  clock: Clock
  sealer: { seal(plaintext: string, aad: string): Buffer }
  refreshFamilyTtlSeconds: number
}

/** Longer than they live, so that whoever asks too late is told that the code has expired (RFC 8628 §3.5, CIBA §11). */
const keptMs: Partial<Record<Kind, number>> = {
  DeviceCode: hours(1),
  BackchannelAuthenticationRequest: hours(1),
}

export function createKeeper({ clock, sealer, refreshFamilyTtlSeconds }: KeeperDeps) {
  function saveSession(unit: Unit, id: string, payload: Payload): void {
    const change = { hash: hashSecret(id), payload, now: clock.now() }
    const loaded = unit.sessions.get(String(payload.uid))
    stage(unit, loaded ? updateSession(change, loaded) : insertSession(change, unit.origin))
    const { accountId, uid } = payload
    const isSignIn = accountId !== undefined && loaded?.account_id !== accountId
    if (isSignIn) stage(unit, endOldestSessions(accountId, { keep: String(uid), now: change.now }))
  }

  /** Whether this unit has to bring the row into being, this time or again. */
  function isNew(unit: Unit, kind: Kind, id: string): boolean {
    const known = rowOf(unit, kind, id)
    return !known?.payload || known.isNew
  }

  function saveGrant(unit: Unit, id: string, payload: Payload): void {
    const insert = isNew(unit, 'Grant', id)
    stage(unit, insert ? write.insertGrant(payload, id, clock.now()) : write.updateGrant(payload, id))
  }

  function saveInteraction(unit: Unit, uid: string, payload: Payload): void {
    const sealed = sealInteraction(sealer, uid, payload)
    const { clientId, accountId, grantId } = linksOf(payload)
    const hash = hashSecret(uid)
    if (!isNew(unit, 'Interaction', uid)) {
      const attempt = unit.attempts.get(uid)
      stage(unit, write.updateInteraction(hash, { sealed, accountId, grantId, ...(attempt && { attempt }) }))
      return
    }
    const now = clock.now()
    stage(
      unit,
      write.insertInteraction({
        hash,
        clientId,
        sealed,
        accountId,
        grantId,
        origin: unit.origin,
        now,
        expiresAt: fromSeconds(payload.exp ?? 0),
        restartUntil: after(now, limits.interactionRestartMs),
      }),
    )
  }

  function saveRefreshToken(unit: Unit, id: string, payload: Payload): void {
    const { presented } = unit
    const hash = hashSecret(id)
    const now = clock.now()
    if (presented) presented.childHash = hash
    // A replay saves nothing: the successor was saved when the token was first used.
    if (presented?.use === 'replay') return

    if (presented) stage(unit, write.spendRefreshToken(presented.hash, hash, now))
    const firstIssuedAt = typeof payload.iiat === 'number' ? payload.iiat : clock.seconds()
    stage(
      unit,
      write.insertRefreshToken({
        hash,
        familyId: presented?.familyId ?? newId(now),
        generation: presented ? presented.generation + 1 : 0,
        payload,
        issuedAt: now,
        expiresAt: fromSeconds(Math.min(payload.exp ?? 0, firstIssuedAt + refreshFamilyTtlSeconds)),
      }),
    )
  }

  function saveShortLived(unit: Unit, kind: Kind, { id, payload }: { id: string; payload: Payload }): void {
    const isReplay = kind === 'ReplayDetection'
    const slackMs = isReplay ? limits.replaySlackMs : (keptMs[kind] ?? 0)
    const row = { payload, expiresAt: after(fromSeconds(payload.exp ?? 0), slackMs) }
    const exists = isReplay || rowOf(unit, kind, id)?.payload !== undefined
    if (!exists && !isShortLived(kind)) throw new Error(`artifacts do not keep ${kind}`)
    stage(unit, (exists ? write.updateArtifact : insertArtifact)(kind, hashSecret(id), row))
  }

  function save(kind: Kind, id: string, payload: Payload): void {
    const unit = currentUnit()
    const insert = isNew(unit, kind, id)
    if (kind === 'Session') saveSession(unit, id, payload)
    else if (kind === 'Grant') saveGrant(unit, id, payload)
    else if (kind === 'Interaction') saveInteraction(unit, id, payload)
    else if (kind === 'RefreshToken') saveRefreshToken(unit, id, payload)
    else saveShortLived(unit, kind, { id, payload })
    note(unit, { kind, id, payload: { ...payload, jti: id } }).isNew = insert
  }

  /** Spends a single-use artifact. Whether this request was the one shows when the unit is committed. */
  function consume(kind: Kind, id: string): void {
    const unit = currentUnit()
    // A refresh token is spent together with the saving of its successor.
    if (kind === 'RefreshToken') return
    const grantId = rowOf(unit, kind, id)?.payload?.grantId
    if (grantId !== undefined) unit.spentCode = { grantId }
    stage(unit, write.spendArtifact(kind, hashSecret(id), clock.now()))
  }

  function destroy(kind: Kind, id: string): void {
    const unit = currentUnit()
    const found = rowOf(unit, kind, id)?.payload
    if (kind === 'Grant') stage(unit, write.deleteGrant(id))
    else if (kind === 'Interaction') stage(unit, write.finishInteraction(hashSecret(id), clock.now()))
    else if (kind === 'Session') {
      // A new id for the same session is saved right after, and takes the place of this write.
      if (found?.uid !== undefined) stage(unit, deleteSession(found.uid))
    } else if (kind !== 'RefreshToken') stage(unit, write.deleteArtifact(kind, hashSecret(id)))
    // A refresh token's row stays: it ends with its grant, and tells reuse until it expires.
  }

  return { save, consume, destroy }
}
