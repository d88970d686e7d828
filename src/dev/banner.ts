// Owns the few lines that a start prints on stdout: where everything is. Problems go to the log instead.

export type BannerFacts = {
  version: string
  mode: 'development' | 'production'
  /** In words, such as `embedded in ./data`. */
  database: string
  /** As `process.version` says it. */
  node: string
  issuer: string
  /** Where the playground listens; absent when it is left out or its port is taken. */
  playground?: string | undefined
  /** Nobody has claimed this installation yet. */
  unclaimed: boolean
  color: boolean
}

type Row = { name: string; url: string; note: string }

const bold = (text: string) => `\x1b[1m${text}\x1b[22m`
const dim = (text: string) => `\x1b[2m${text}\x1b[22m`
const plain = (text: string) => text

export function banner(facts: BannerFacts): string {
  const { version, mode, database, node, color } = facts
  const strong = color ? bold : plain
  const faint = color ? dim : plain

  const rows = rowsOf(facts)
  const nameWidth = Math.max(...rows.map(({ name }) => name.length))
  const urlWidth = Math.max(...rows.map(({ url }) => url.length))
  const lines = rows.map(
    ({ name, url, note }) => `  ${name.padEnd(nameWidth)}   ${url.padEnd(urlWidth)}   ${faint(note)}`,
  )
  const head = `  ${strong(`Foyer ${version}`)}  ${mode} · PostgreSQL ${database} · Node ${node}`
  return ['', head, '', ...lines, ...claimLines(facts), '', ''].join('\n')
}

function rowsOf({ mode, issuer, playground }: BannerFacts): Row[] {
  const tryIt = { name: 'Try it', note: 'demo app: sign in, see tokens' }
  const mail = { name: 'Mail', url: `${issuer}/dev/mail`, note: 'every mail this instance would send' }
  return [
    ...(playground === undefined ? [] : [{ ...tryIt, url: playground }]),
    { name: 'Issuer', url: issuer, note: '/.well-known/openid-configuration' },
    { name: 'Account', url: `${issuer}/account`, note: 'profile, devices, apps, data' },
    ...(mode === 'development' ? [mail] : []),
    { name: 'API', url: `${issuer}/api/docs`, note: 'manage people, teams, clients from a script' },
  ]
}

// The token itself stands in the log, where fewer eyes are than on a console.
function claimLines({ mode, issuer, unclaimed }: BannerFacts): string[] {
  if (mode !== 'production' || !unclaimed) return []
  return ['', `  Set up    ${issuer}/setup with the one-time token from the log`]
}
