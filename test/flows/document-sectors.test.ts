// Apps that a document describes (draft-ietf-oauth-client-id-metadata-document) and that want names of their own for
// people (OIDC Core §8): two documents of somebody else's are read then, and either may be bad.
import { afterAll, beforeAll, expect, it } from 'vitest'
import { startApp, type TestApp, testHooks } from '../support/app.ts'
import { createPerson } from '../support/browser-less.ts'
import { callback, type Documents, startDocuments } from '../support/documents.ts'
import { createRp } from '../support/rp.ts'

let app: TestApp
let documents: Documents
beforeAll(async () => {
  documents = await startDocuments()
  app = await startApp({ env: testHooks })
})
afterAll(async () => {
  await app.close()
  await documents.close()
})

const statusOf = async (client_id: string) => {
  const { url } = createRp(app.issuer, { client_id, redirect_uri: callback }).authorizeUrl()
  const response = await createPerson().request(url)
  const html = await response.text()
  return [response.status, /invalid_client/.test(html)]
}
const sectorAt = (path: string, status: number, body: unknown) =>
  documents.put(path, (response) => response.writeHead(status).end(JSON.stringify(body)))

it('the app is known when the document of its sector names its addresses', async () => {
  const sector_identifier_uri = sectorAt('/good-sector', 200, [callback])
  const id = documents.describe('/good', { subject_type: 'pairwise', sector_identifier_uri })
  expect(await statusOf(id)).toEqual([303, false])
})

it.each([
  ['is not there', 404, [callback]],
  ['names other addresses', 200, ['https://other.example/']],
])(
  'the app is unknown when the document of its sector %s, and is asked for once',
  async (_, status, body) => {
    const path = `/bad-${status}`
    const sector_identifier_uri = sectorAt(`${path}-sector`, status, body)
    const id = documents.describe(path, { subject_type: 'pairwise', sector_identifier_uri })
    for (let times = 0; times < 3; times += 1) expect(await statusOf(id)).toEqual([400, true])
    expect([documents.timesAsked(path), documents.timesAsked(`${path}-sector`)]).toEqual([1, 1])
  },
)
