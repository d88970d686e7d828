// Owns how a token for a client with pairwise subjects names its session. The session is one for all apps of a browser,
// so its id would tell two of them that they know the same person.
import type { KeyObject } from 'node:crypto'
import { createSealer } from '../platform/sealer.ts'
import { type Standing, standingOf } from './access-tokens.ts'

const mark = '~'
const place = 'access_token.jti.session'

export type VeiledSessions = ReturnType<typeof createVeiledSessions>

export function createVeiledSessions({ sealer }: { sealer: { derive(purpose: string): KeyObject } }) {
  const veils = createSealer({ key: sealer.derive('veiled-sessions').export() })

  /** Sealed once more each time, so that no two tokens say the same of it. */
  const veil = ({ grantId, sessionUid }: Standing): Standing => ({
    grantId,
    ...(sessionUid !== undefined && {
      sessionUid: mark + veils.seal(sessionUid, place).toString('base64url'),
    }),
  })

  /** What a token stands on, whichever way it says so. */
  function standingBehind(jti: string): Standing | undefined {
    const standing = standingOf(jti)
    if (!standing?.sessionUid?.startsWith(mark)) return standing
    const sealed = Buffer.from(standing.sessionUid.slice(mark.length), 'base64url')
    return { ...standing, sessionUid: veils.open(sealed, place).toString('utf8') }
  }

  return { veil, standingBehind }
}
