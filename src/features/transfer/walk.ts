// Owns walking through a long list page by page, each beginning where the one before ended.

export type Walk<Row, Place> = {
  start: Place
  list: (after: Place, take: number) => Promise<Row[]>
  placeOf: (row: Row) => Place
}

const pageSize = 1_000

export async function* pagesOf<Row, Place>({
  start,
  list,
  placeOf,
}: Walk<Row, Place>): AsyncGenerator<Row[]> {
  let after = start
  for (;;) {
    const rows = await list(after, pageSize)
    const last = rows.at(-1)
    if (last === undefined) return
    yield rows
    if (rows.length < pageSize) return
    after = placeOf(last)
  }
}
