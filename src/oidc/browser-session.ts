// Owns who is signed in in this browser, for Foyer's own pages: the session that every app's sign-in rests on.
import type Koa from 'koa'
import type { Provider } from 'oidc-provider'

export type BrowserSession = {
  uid: string
  accountId: string
  /** When the person last proved who they are, in epoch seconds. */
  authTime: number
}

export const createBrowserSession =
  (provider: () => Provider) =>
  /** In the unit of work of the request; nothing is written. */
  async (ctx: Koa.Context): Promise<BrowserSession | undefined> => {
    const session = await provider().Session.get(ctx)
    const { uid, accountId } = session
    const authTime = session.authTime()
    if (accountId === undefined || authTime === undefined) return undefined
    return { uid, accountId, authTime }
  }
