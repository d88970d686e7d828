// Goal 5: what the writes of one refresh cost PostgreSQL, as three statements and as Foyer's one for the same rows.
// Beside it, for information, the whole refresh of either, reads included. Interleaved, over one pool, on copies of
// Foyer's tables.
import { hashSecret } from '../src/kernel/secrets.ts'
import type { Db } from '../src/platform/postgres.ts'
import { openConnection } from './client.ts'
import type { Effort, Stage } from './effort.ts'
import { withDatabase } from './foyer-database.ts'
import { repeat } from './measure.ts'
import { visitor } from './people.ts'
import { createForms, type Family, type Form, forms, rotationOf, wordsOf } from './refresh-forms.ts'
import type { Operation } from './scenarios.ts'
import { codeFlow, type Tokens } from './sign-in.ts'
import { median } from './statistics.ts'
import type { Foyer } from './targets.ts'

/** Each rotates a family of their own. */
export const peopleWhoRefresh = 14
const warmUpSeconds = 0.5

/** Microseconds of PostgreSQL for one refresh, for each round. */
export type RefreshForms = Record<Form, number[]>

export const stageOfForms = ({ seconds }: Pick<Effort, 'seconds'>): Stage => ({
  name: 'refresh in PostgreSQL',
  warmUps: 0,
  measuredSeconds: forms.length * (seconds + warmUpSeconds),
})

/** The copies bear the names of the originals, so that the product's own texts meet them. */
export const measureRefreshForms = (foyer: Foyer, effort: Effort, say: (text: string) => void) =>
  withDatabase({ foyer, poolSize: peopleWhoRefresh, searchPath: 'bench,public' }, (db) =>
    measureRounds({ db, foyer, effort, say }),
  )

type Rounds = { db: Db; foyer: Foyer; effort: Effort; say: (text: string) => void }

async function measureRounds({ db, foyer, effort, say }: Rounds): Promise<RefreshForms> {
  const issued = await issueTokens(foyer)
  await copyTables(db)
  const refreshes = createForms(db)
  const found: RefreshForms = { threeWrites: [], oneWrite: [], ordinaryRefresh: [], foyerRefresh: [] }
  for (let round = 1; round <= effort.rounds; round += 1) {
    for (const form of forms) {
      await db.query({ text: 'TRUNCATE bench.refresh_tokens, bench.artifacts', values: [] })
      const operations = await Promise.all(issued.map((tokens) => rotating(db, tokens, refreshes[form])))
      await repeat(operations, (done) => done.seconds >= warmUpSeconds)
      const before = foyer.databaseCpu()
      const { latencies } = await repeat(operations, (done) => done.seconds >= effort.seconds)
      found[form].push((foyer.databaseCpu() - before) / latencies.length)
    }
    say(`round ${round}  ${describe(found, (values) => values.at(-1))}\n`)
  }
  await db.query({ text: 'DROP SCHEMA bench CASCADE', values: [] })
  return found
}

/** Of people who signed in just now, so that every row that a refresh reads is there. */
async function issueTokens(target: Foyer): Promise<Tokens[]> {
  const connection = await openConnection(target.port)
  const issued: Tokens[] = []
  for (let number = 0; number < peopleWhoRefresh; number += 1)
    issued.push(await codeFlow({ target, connection, visitor: visitor(number) }))
  connection.close()
  return issued
}

/** With nobody to clean up behind them: one form would pay for the dead rows of another. */
async function copyTables(db: Db): Promise<void> {
  const text = `DO $$
    DECLARE original record;
    BEGIN
      DROP SCHEMA IF EXISTS bench CASCADE;
      CREATE SCHEMA bench;
      FOR original IN SELECT relname AS name, reloptions AS options FROM pg_class
        WHERE oid IN ('public.refresh_tokens'::regclass, 'public.artifacts'::regclass)
      LOOP
        EXECUTE format('CREATE TABLE bench.%1$I (LIKE public.%1$I INCLUDING ALL) WITH (%2$s)',
          original.name, array_to_string(original.options || 'autovacuum_enabled=false'::text, ', '));
      END LOOP;
    END $$`
  await db.query({ text, values: [] })
}

type Refresh = ReturnType<typeof createForms>[Form]

/** One family, from the token that was issued to it. */
async function rotating(db: Db, issued: Tokens, refresh: Refresh): Promise<Operation> {
  let token: Buffer = hashSecret(issued.refresh_token)
  const [family] = await db.query<Family>({
    text: `WITH copied AS (INSERT INTO bench.refresh_tokens SELECT * FROM public.refresh_tokens
        WHERE id_hash = $1 RETURNING *)
      SELECT c.family_id AS "familyId", c.grant_id AS "grantId", c.client_id AS "clientId",
        c.account_id AS "accountId", c.payload AS "refreshPayload", a.payload AS "accessPayload"
      FROM copied c, public.artifacts a WHERE a.kind = 'AccessToken' AND a.id_hash = $2`,
    values: [token, hashSecret(issued.access_token)],
  })
  if (!family) throw new Error('the tokens just issued are not in the database')
  return async () => {
    const rotation = rotationOf(family, token)
    await refresh(rotation)
    token = rotation.child
  }
}

const describe = (found: RefreshForms, choose: (values: number[]) => number | undefined): string =>
  `PostgreSQL per refresh: ${forms.map((form) => `${wordsOf[form]} ${choose(found[form])?.toFixed(0)} µs`).join(', ')}`

export const summaryOf = (found: RefreshForms): string => describe(found, median)
