// Who may use which route of the management API, made from the declarations: every scope, every kind of caller.
import { decodeJwt } from 'jose'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { type ManagementDeps, managementRoutes } from '../../src/api/management-routes.ts'
import { managementScopes } from '../../src/features/clients/first-party.ts'
import { startApp, type TestApp, testHooks } from '../support/app.ts'
import { admin, createManagement } from '../support/management.ts'
import { unchanged } from '../support/refusals.ts'
import { ada, grace } from '../support/rp.ts'

const routes = managementRoutes({} as ManagementDeps)
const cases = routes.map((route) => [`${route.method} ${route.path}`, route] as const)
const nobody = '01a22e30-0000-7000-8000-000000000000'

let app: TestApp
let api: ReturnType<typeof createManagement>
const tokens: Record<string, string> = {}
beforeAll(async () => {
  app = await startApp({ env: testHooks })
  api = createManagement(app.issuer)
  for (const scope of managementScopes) tokens[scope] = await api.machineToken(scope)
  tokens.ada = await api.personToken(ada)
  tokens.grace = await api.personToken(grace)
  tokens.admin = await api.personToken(admin)
}, 60_000)
afterAll(() => app.close())
// There are more routes and scopes than one client may try in a minute
beforeEach(() => app.advance(1))

/** Asked about what is not there, with nothing in it: whoever is let in meets a 200, a 400 or a 404, never an effect. */
async function statusOf(route: (typeof routes)[number], { as, id = nobody }: { as: string; id?: string }) {
  const path = route.path.replace(':id', id).replace(/:[a-z_]+/, 'nothing')
  const json = route.method === 'GET' || route.method === 'DELETE' ? undefined : { unknown: true }
  const { status, body } = await api.ask(route.method, path, { as, json })
  return { status, code: body.code }
}
const isLetIn = ({ status }: { status: number }) => [200, 400, 404].includes(status)

describe('the routes', () => {
  it.each(cases)('%s is open to the one scope it names, of all there are', async (_, route) => {
    await unchanged(app, async () => {
      for (const scope of managementScopes) {
        const answer = await statusOf(route, { as: tokens[scope] ?? '' })
        if (scope === route.permission.scope) expect([scope, isLetIn(answer)]).toEqual([scope, true])
        else expect([scope, answer]).toEqual([scope, { status: 403, code: 'insufficient_scope' }])
      }
    })
  })

  it.each(cases)('%s reaches as far for a person as it says', async (_, route) => {
    const own = decodeJwt(tokens.ada ?? '').sub ?? ''
    const { reach } = route.permission
    await unchanged(app, async () => {
      if (route.method !== 'DELETE' || reach === 'installation') {
        const mine = await statusOf(route, { as: tokens.ada ?? '', id: own })
        expect(reach === 'installation' ? mine.status : isLetIn(mine)).toBe(
          reach === 'installation' ? 403 : true,
        )
      }
      const theirs = await statusOf(route, { as: tokens.grace ?? '', id: own })
      if (reach === 'installation') expect(theirs.status).toBe(403)
      if (reach === 'account') expect(theirs).toEqual({ status: 404, code: 'account_not_found' })
      // A body that is wrong is refused before anything is looked up, so that it tells nothing either
      const unseen = route.method === 'GET' || route.method === 'DELETE' ? 404 : 400
      if (reach === 'own' && route.path.includes(':id')) expect(theirs.status).toBe(unseen)
      expect(isLetIn(await statusOf(route, { as: tokens.admin ?? '' }))).toBe(true)
    })
  })
})
