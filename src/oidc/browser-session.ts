// Owns who is signed in in this browser, for Foyer's own pages: the session that every app's sign-in rests on.
import type Koa from 'koa'
import type { Provider } from 'oidc-provider'
import type { Artifacts } from '../features/artifacts/service.ts'

export type BrowserSession = {
  uid: string
  accountId: string
  /** When the person last proved who they are, in epoch seconds. */
  authTime: number
  /** The account's, as it was when the session was found alive. */
  securityEpoch: number
}

export type BrowserSessionDeps = { provider: () => Provider; artifacts: Pick<Artifacts, 'accountOf'> }

export const createBrowserSession =
  ({ provider, artifacts }: BrowserSessionDeps) =>
  /** In the unit of work of the request; nothing is written. */
  async (ctx: Koa.Context): Promise<BrowserSession | undefined> => {
    const session = await provider().Session.get(ctx)
    const { uid, accountId } = session
    const authTime = session.authTime()
    if (accountId === undefined || authTime === undefined) return undefined
    // The read of the session has brought the account along
    const account = await artifacts.accountOf(accountId)
    return account && { uid, accountId, authTime, securityEpoch: account.security_epoch }
  }
