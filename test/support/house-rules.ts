// Owns the rules of the house as functions: each takes source files and says, one line each, where they break it.
// test/architecture.test.ts applies them and shows that each can be broken; what Biome checks is left to Biome.
import { posix } from 'node:path'
import {
  calledName,
  childrenOf,
  dotted,
  exists,
  isFunction,
  type Node,
  part,
  parts,
  readText,
  type SourceFile,
  textOf,
  walk,
} from './source-tree.ts'

export type Check = (files: readonly SourceFile[]) => string[]

const at = ({ path, lineAt }: SourceFile, { start }: { start: number }, words: string): string =>
  `${path}:${lineAt(start)} ${words}`

// ---- Layers -----------------------------------------------------------------------------------------------------

const entrances = ['src/main.ts', 'src/worker.ts', 'src/seed.ts']
const layers = [
  'kernel',
  'config',
  'platform',
  'web',
  'features',
  'oidc',
  'console',
  'app',
  'entrance',
] as const
type Layer = (typeof layers)[number]
const besideConsole = ['api', 'console', 'dev']

/** What stands in src itself composes the house, and so does the demo; other folders than those named have no layer. */
function layerOf(path: string): Layer | undefined {
  if (entrances.includes(path) || path.startsWith('src/cli/')) return 'entrance'
  if (path === 'prisma/seed.ts' || /^src\/[\w-]+\.ts$/.test(path)) return 'app'
  const folder = /^src\/(\w+)\//.exec(path)?.[1] ?? ''
  if (folder === 'generated') return 'platform'
  if (besideConsole.includes(folder)) return 'console'
  return layers.slice(0, 7).find((layer) => layer === folder)
}

const partOf = (path: string): string => path.split('/').slice(0, 2).join('/')
const sharesRank = new Set<Layer>(['console', 'entrance'])

function mayImport(from: string, to: string): boolean {
  const [mine, theirs] = [layerOf(from), layerOf(to)]
  if (!mine || !theirs) return false
  if (mine === theirs && sharesRank.has(mine)) return partOf(from) === partOf(to)
  return layers.indexOf(theirs) <= layers.indexOf(mine)
}

const isOurs = (target: string): boolean => /^(src|prisma)\//.test(target)

type Edge = { file: SourceFile; target: string; names: string[]; line: number }

function edges(files: readonly SourceFile[]): Edge[] {
  return files.flatMap((file) => file.imports.map((entry) => ({ file, ...entry })))
}

/** Imports that a rule refuses, told as `file:line imports target`. */
const refusing =
  (refuses: (edge: Edge) => boolean): Check =>
  (files) =>
    edges(files)
      .filter(refuses)
      .map(({ file, line, target }) => `${file.path}:${line} imports ${target}`)

export const importsOnlyToTheLeft = refusing(
  ({ file, target }) => isOurs(target) && !mayImport(file.path, target),
)

export const hasALayer: Check = (files) => files.filter(({ path }) => !layerOf(path)).map(({ path }) => path)

export const goesInACircle: Check = (files) => {
  const targets = new Map(files.map((file) => [file.path, file.imports.map(({ target }) => target)]))
  const circles: string[] = []
  const done = new Set<string>()
  function visit(path: string, trail: string[]): void {
    if (trail.includes(path)) circles.push([...trail.slice(trail.indexOf(path)), path].join(' → '))
    if (done.has(path) || trail.includes(path)) return
    for (const target of targets.get(path) ?? []) visit(target, [...trail, path])
    done.add(path)
  }
  for (const path of targets.keys()) visit(path, [])
  return circles
}

// ---- Features ---------------------------------------------------------------------------------------------------

const ranks = [
  ['audit', 'outbox', 'artifacts'],
  ['webhooks', 'clients', 'sessions', 'challenges', 'crossdevice'],
  ['accounts'],
  ['passwordless', 'mfa', 'federation', 'teams'],
  ['authn', 'transfer'],
]
const featureOf = (path: string): string | undefined => /^src\/features\/([^/]+)\//.exec(path)?.[1]
const rankOf = (feature: string): number => ranks.findIndex((names) => names.includes(feature))
const hasRole = (path: string, ...roles: string[]): boolean =>
  roles.some((role) => new RegExp(`/([a-z-]+-)?${role}\\.ts$`).test(path))
const isDoor = (path: string): boolean => hasRole(path, 'api', 'pages')

export const respectsRanks = refusing(({ file, target }) => {
  const [mine, theirs] = [featureOf(file.path), featureOf(target)]
  if (mine === undefined || theirs === undefined || mine === theirs) return false
  return rankOf(theirs) < 0 || rankOf(mine) <= rankOf(theirs)
})

export const hasARank: Check = (files) =>
  files.filter(({ path }) => featureOf(path) && rankOf(featureOf(path) ?? '') < 0).map(({ path }) => path)

/** `api, pages → service → store, policy, schema`: what a store, policy or schema reaches is none of those above. */
export const flowsDownwards: Check = (files) => {
  const targets = new Map(files.map((file) => [file.path, file.imports.map(({ target }) => target)]))
  function reaches(path: string, seen = new Set<string>()): Set<string> {
    for (const target of targets.get(path) ?? []) {
      if (featureOf(target) !== featureOf(path) || seen.has(target)) continue
      seen.add(target)
      reaches(target, seen)
    }
    return seen
  }
  return files
    .filter(({ path }) => featureOf(path) && !isDoor(path))
    .flatMap(({ path }) => {
      const above = hasRole(path, 'store', 'policy', 'schema')
        ? ['api', 'pages', 'service']
        : ['api', 'pages']
      const wrong = [...reaches(path)].filter((target) => hasRole(target, ...above))
      return wrong.map((target) => `${path} reaches ${target}`)
    })
}

export const onlyDoorsKnowTheWeb = refusing(
  ({ file, target }) =>
    featureOf(file.path) !== undefined &&
    !isDoor(file.path) &&
    (target.startsWith('src/web/') || /^(koa|@koa\/.*|koa-.*|node:https?)$/.test(target)),
)

const mayTalkToTheDatabase = (path: string): boolean =>
  /^src\/(platform|generated|features\/artifacts)\//.test(path) || hasRole(path, 'store')

const drivers = /^(@prisma\/.*|pg|ioredis|graphile-worker|src\/generated\/.*)$/
export const driversStayBelow = refusing(
  ({ file, target }) =>
    drivers.test(target) &&
    !(file.path.startsWith('src/platform/') || (mayTalkToTheDatabase(file.path) && target !== 'ioredis')),
)

const sql =
  /^\s*(SELECT|INSERT INTO|UPDATE \w+ SET|DELETE FROM|WITH \w+ AS|CREATE|ALTER|DROP|TRUNCATE|LOCK|NOTIFY|LISTEN)\b/
const prismaCalls = /(^|\.)(prisma|\$queryRaw\w*|\$executeRaw\w*)$/

/** A text in SQL, Prisma's client, or a table reached through a transaction. */
function databaseTalk(node: Node): string | undefined {
  const text = textOf(node)
  if (text !== undefined) return sql.test(text) ? `says ${text.trim().slice(0, 40)}` : undefined
  const name = dotted(node)
  if (prismaCalls.test(name) || /(^|\.)tx\.\w+$/.test(name)) return `uses ${name}`
  return undefined
}

export const sqlStaysInStores: Check = (files) =>
  files
    .filter(({ path }) => !mayTalkToTheDatabase(path))
    .flatMap((file) =>
      file.nodes.flatMap((node) => {
        const words = databaseTalk(node)
        return words === undefined ? [] : [at(file, node, words)]
      }),
    )

// ---- What belongs to one place ----------------------------------------------------------------------------------

export const oidcProviderHasOneHome = refusing(
  ({ file, target }) =>
    target.startsWith('oidc-provider') && !(file.path.startsWith('src/oidc/') && target === 'oidc-provider'),
)

type Use = { allowed: RegExp; names?: RegExp; calls?: RegExp; imports?: { from: RegExp; names: RegExp } }

/** Members, calls and imports that only some files may have. */
const only =
  ({ allowed, names, calls, imports }: Use): Check =>
  (files) =>
    files
      .filter(({ path }) => !allowed.test(path))
      .flatMap((file) => {
        const taken = file.imports.filter(
          ({ target, names: wanted }) =>
            imports?.from.test(target) && wanted.some((name) => name === '*' || imports.names.test(name)),
        )
        const used = file.nodes.filter(
          (node) =>
            names?.test(dotted(node)) ||
            (/^(Call|New)Expression$/.test(node.type) && calls?.test(callText(node))),
        )
        return [
          ...taken.map(({ line, target }) => `${file.path}:${line} imports from ${target}`),
          ...used.map((node) => at(file, node, `uses ${dotted(node) || callText(node)}`)),
        ]
      })

/** `new Date()` and `fetch()`: the arguments are told as `…`. */
function callText(node: Node): string {
  const made = node.type === 'NewExpression' ? 'new ' : ''
  return `${made}${dotted(part(node, 'callee'))}(${parts(node, 'arguments').length > 0 ? '…' : ''})`
}

export const environmentIsReadOnce = only({
  allowed: /^src\/config\/load\.ts$/,
  names: /^(globalThis\.)?process\.env$/,
  imports: { from: /^(node:)?process$/, names: /^(env|default)$/ },
})

export const timeComesFromTheClock = only({
  allowed: /^src\/kernel\//,
  names: /^((globalThis\.)?Date\.now|(globalThis\.)?performance\.now|process\.hrtime)$/,
  calls: /^(new )?(globalThis\.)?Date\(\)$/,
})

export const chanceComesFromSecrets = only({
  allowed: /^src\/kernel\//,
  names: /(^|\.)(randomBytes|randomUUID|randomInt|randomFill(Sync)?|getRandomValues)$/,
  imports: { from: /^(node:)?crypto$/, names: /^(random.*|getRandomValues|webcrypto)$/ },
})

export const fetchHasOneHome = only({
  allowed: /^src\/(platform\/outbound\.ts|dev\/.*)$/,
  calls: /^(new )?(globalThis\.)?(fetch|WebSocket|EventSource)\(…?\)$/,
})

/** Besides: the command line posts to the issuer that its operator configured. */
export const nothingElseCallsOut = only({
  allowed: /^src\/(platform\/outbound\.ts|dev\/.*|cli\/post-form\.ts)$/,
  imports: { from: /^(node:https?|undici|axios|got)$/, names: /^(request|get|fetch|Agent|default)$/ },
})

// ---- Names and shapes -------------------------------------------------------------------------------------------

const vague = /(^|[/-])(utils?|helpers?|common|shared|types?|misc)(\.ts|\/)/
export const hasATellingName: Check = (files) =>
  files
    .filter(({ path, body }) => {
      const isBarrel =
        body.length > 0 && body.every((node) => /^Export/.test(node.type) && part(node, 'source'))
      return /(^|\/)index\.ts$/.test(path) || vague.test(path) || isBarrel
    })
    .map(({ path }) => path)

export const exportsByName: Check = (files) =>
  files.flatMap((file) =>
    file.body
      .filter(({ type }) => type === 'ExportDefaultDeclaration')
      .map((node) => at(file, node, 'exports without a name')),
  )

export const opensWithAComment: Check = (files) =>
  files
    .filter(({ text }) => !/^(#!.*\n)?(\/\/ \S.{15,}|\/\*\*?[\s\S]{15,}?\*\/)/.test(text))
    .map(({ path }) => path)

/** Words of the compiler, the linter and of people, each without the reason that belongs behind it. */
const bareSuppression = new RegExp(
  [
    '@ts-(?:ignore|nocheck)',
    '@ts-expect-error(?! -- \\S)',
    'biome-(?:ignore) \\S+(?!\\S*: \\S)\\s*$',
    '\\b(?:TODO|FIXME)(?!\\(#\\d+\\))',
  ].join('|'),
)
export const givesReasons: Check = (files) =>
  files.flatMap(({ path, text }) =>
    text
      .split('\n')
      .flatMap((line, index) => (bareSuppression.test(line) ? [`${path}:${index + 1} ${line.trim()}`] : [])),
  )

export const longerThan =
  (most: number): Check =>
  (files) =>
    files
      .map(({ path, text }) => ({ path, lines: text.trimEnd().split('\n').length }))
      .filter(({ lines }) => lines > most)
      .map(({ path, lines }) => `${path} has ${lines} lines`)

type Named = { file: SourceFile; node: Node; name: string; exported: boolean }

/** Functions that have a name of their own; those handed over on the spot belong to whoever hands them over. */
function namedFunctions(file: SourceFile): Named[] {
  const found: Named[] = []
  function visit(node: Node, parent: Node | undefined, exported: boolean): void {
    const name = isFunction(node) ? nameOf(node, parent) : undefined
    if (name !== undefined) found.push({ file, node, name, exported })
    const isExport = node.type === 'ExportNamedDeclaration'
    const passesOn = isExport || (exported && /^Variable/.test(node.type))
    for (const child of childrenOf(node)) visit(child, node, passesOn)
  }
  for (const statement of file.body) visit(statement, undefined, false)
  return found
}

function nameOf(node: Node, parent: Node | undefined): string | undefined {
  const name = part(node, 'id') ?? part(parent, 'id') ?? part(parent, 'key')
  return name && String(name.name ?? name.value)
}

/** The lines of a function, without those of the named functions inside it but their first. */
function ownLines({ file, node }: Named): number {
  const own = new Set(linesFrom(file.lineAt(node.start), file.lineAt(node.end - 1)))
  const isNested = (inner: Node, parent: Node) => isFunction(inner) && nameOf(inner, parent) !== undefined
  function leaveOut(parent: Node): void {
    for (const child of childrenOf(parent)) {
      if (!isNested(child, parent)) leaveOut(child)
      else
        for (const line of linesFrom(file.lineAt(child.start) + 1, file.lineAt(child.end - 1)))
          own.delete(line)
    }
  }
  leaveOut(node)
  return own.size
}

const linesFrom = (first: number, last: number): number[] =>
  Array.from({ length: Math.max(0, last - first + 1) }, (_, index) => first + index)

const sizesOf = (files: readonly SourceFile[]) =>
  files.flatMap(namedFunctions).map((named) => ({ ...named, lines: ownLines(named) }))

const inWords = ({ file, node, name, lines }: Named & { lines: number }): string =>
  at(file, node, `${name} has ${lines} lines`)

export const functionsAreShort: Check = (files) =>
  sizesOf(files)
    .filter(({ lines }) => lines > 60)
    .map(inWords)

export const mostFunctionsAreShorter: Check = (files) => {
  const all = sizesOf(files)
  const long = all.filter(({ lines }) => lines > 40)
  return long.length <= all.length * 0.05 ? [] : long.map(inWords)
}

export const takesFewParameters: Check = (files) =>
  files
    .flatMap(namedFunctions)
    .filter(({ node, exported }) => exported && parts(node, 'params').length > 3)
    .map(({ file, node, name }) => at(file, node, `${name} takes ${parts(node, 'params').length} parameters`))

// ---- Importing does nothing -------------------------------------------------------------------------------------

const entryPoints = [
  'src/main.ts',
  'src/worker.ts',
  'src/seed.ts',
  'src/cli/main.ts',
  'src/platform/hash-thread.ts',
]
const declarations = /^(Import|Export|Function|Class|Variable|TS)\w*Declaration$/
const worldly = /^(node:(fs|fs\/promises|child_process|https?|net|tls|dgram|timers.*)|pg|ioredis|koa)$/
/** Of those modules these only compute. */
const harmless = /^(isIP(v[46])?|BlockList|STATUS_CODES)$/
const worldlyGlobals = [
  'process',
  'console',
  'fetch',
  'setTimeout',
  'setInterval',
  'setImmediate',
  'queueMicrotask',
]

/** Names by which a file reaches files, processes, the network or timers: imported ones and its own functions. */
function worldlyNames({ body }: SourceFile): Set<string> {
  const reaching = new Set(worldlyGlobals)
  const functions = new Map<string, Node>()
  for (const node of body.flatMap((statement) => [statement, part(statement, 'declaration') ?? statement])) {
    const source = part(node, 'source')
    if (source && worldly.test(textOf(source) ?? '')) {
      for (const specifier of parts(node, 'specifiers')) {
        const isHarmless = harmless.test(dotted(part(specifier, 'imported')))
        if (!isHarmless) reaching.add(dotted(part(specifier, 'local')))
      }
    }
    for (const declared of [node, ...parts(node, 'declarations')]) {
      const made = isFunction(declared) ? declared : part(declared, 'init')
      if (made && isFunction(made)) functions.set(dotted(part(declared, 'id')), made)
    }
  }
  // Once more for each function: the last of a chain of calls makes all of them worldly.
  for (const _ of functions) {
    for (const [name, node] of functions) {
      if ([...walk(node)].some((inner) => reaching.has(calledName(inner)))) reaching.add(name)
    }
  }
  return reaching
}

export const importingDoesNothing: Check = (files) =>
  files
    .filter(({ path }) => !entryPoints.includes(path))
    .flatMap((file) => {
      const reaching = worldlyNames(file)
      return file.body.flatMap((statement) => {
        if (!declarations.test(statement.type)) return [at(file, statement, 'does something when imported')]
        if ([statement, part(statement, 'declaration')].some((node) => node?.kind === 'let'))
          return [at(file, statement, 'keeps state in the module')]
        const runs = [...walk(statement, isFunction)]
          .filter((node) => node.type === 'AwaitExpression' || reaching.has(calledName(node)))
          .map((node) => at(file, node, `runs ${calledName(node) || 'await'} when imported`))
        return runs
      })
    })

export const escapesEverything: Check = (files) =>
  files.flatMap(({ path, text }) =>
    text
      .split('\n')
      .flatMap((line, index) =>
        /<%-(?!\s*(include\(|view\.rich\(|view\.body\s*-?%>))/.test(line)
          ? [`${path}:${index + 1} ${line.trim()}`]
          : [],
      ),
  )

// ---- Documents --------------------------------------------------------------------------------------------------

const pathInText = /`((?:src|test|prisma|scripts|bench|views|public|docs)\/[\w./-]*\w)`(?:: ([*_])(.+?)\2)?/g
const link = /\]\((?!https?:|#)([^)#\s]+)/g

/** Paths, links and, after a test's path in italics, names of tests. */
export const namesWhatExists: Check = (files) =>
  files.flatMap(({ path, text }) => {
    const named = [...text.matchAll(pathInText)].flatMap(([, target = '', , words]) => {
      if (!exists(target)) return [`${path} names ${target}`]
      return words === undefined || readText(target).includes(words)
        ? []
        : [`${path} names “${words}” in ${target}`]
    })
    const targets = [...text.matchAll(link)].map(([, target = '']) => posix.join(posix.dirname(path), target))
    const dead = targets.filter((target) => !exists(target)).map((target) => `${path} links to ${target}`)
    return [...named, ...dead]
  })
