// A spent refresh token that comes back ends what it gave, and the person is told: once.
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { startApp, type TestApp } from '../support/app.ts'
import { mailsTo, mailTo } from '../support/mails.ts'
import { ada, createRp, grace, type Rp } from '../support/rp.ts'

let app: TestApp
let rp: Rp
beforeAll(async () => {
  app = await startApp({ env: { FOYER_LOGIN_LAYOUT: 'single' }, jobs: true })
  rp = createRp(app.issuer)
})
afterAll(() => app.close())

const jobs = async () => {
  const [row] = await app.services.db.query<{ count: number }>({
    text: `SELECT count(*) FROM graphile_worker._private_jobs j JOIN graphile_worker._private_tasks t ON t.id = j.task_id
      WHERE t.identifier <> 'sweep'`,
    values: [],
  })
  return row?.count
}

describe('the mail about a refresh token that came back', () => {
  it('goes out once, however often and by how many at once it is presented', async () => {
    const { refresh_token: first = '' } = await rp.tokens()
    const second = (await rp.refresh(first)).body.refresh_token ?? ''
    await rp.refresh(second)
    const answers = await Promise.all(Array.from({ length: 20 }, () => rp.refresh(first)))
    expect(answers.map(({ status }) => status)).toEqual(Array(20).fill(400))

    const mail = await mailTo(app, ada.email)
    expect(mail.subject).toMatch(/^.+ was signed out of your Foyer account$/)
    expect(mail.subject).not.toContain('demo-web')
    await rp.refresh(second)
    await rp.refresh(first)
    await expect.poll(jobs).toBe(0)
    expect(mailsTo(app, ada.email)).toHaveLength(1)
  })

  it('goes out five times, then once an hour, to an address whose account somebody brings it about for', async () => {
    for (let incident = 0; incident < 7; incident += 1) {
      const { refresh_token: first = '' } = await rp.tokens({ who: grace })
      await rp.refresh((await rp.refresh(first)).body.refresh_token ?? '')
      expect((await rp.refresh(first)).status).toBe(400)
    }
    await expect.poll(jobs, { timeout: 10_000 }).toBe(0)
    const told = mailsTo(app, grace.email).filter(({ subject }) => subject.includes('signed out'))
    expect(told).toHaveLength(5)
  })

  it('does not go out for a token that the app itself gave back', async () => {
    const before = mailsTo(app, ada.email).length
    const { refresh_token = '' } = await rp.tokens({ who: ada })
    await rp.revoke(refresh_token)
    expect((await rp.refresh(refresh_token)).status).toBe(400)
    await expect.poll(jobs).toBe(0)
    const subjects = mailsTo(app, ada.email).slice(0, -before)
    expect(subjects.filter(({ subject }) => subject.includes('signed out'))).toEqual([])
  })
})
