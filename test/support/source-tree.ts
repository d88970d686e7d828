// Owns reading the sources as syntax trees, for test/architecture.test.ts. What is allowed is said there.
// vitest brings the parser along; it keeps types, and type imports count as imports here.
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { dirname, join, posix } from 'node:path'
import { parseAst } from 'vitest/node'

export type Node = { type: string; start: number; end: number; [member: string]: unknown }

export type Import = {
  /** The path of a file of ours from the root of the repository, or the name of a package. */
  target: string
  /** What is imported, by the names it has over there; `*` for everything. */
  names: string[]
  line: number
}

export type SourceFile = {
  /** From the root of the repository, with forward slashes. */
  path: string
  text: string
  /** The statements; a template has none. */
  readonly body: readonly Node[]
  /** Every node of the tree. */
  readonly nodes: readonly Node[]
  readonly imports: readonly Import[]
  /** The line on which a place in the text stands. */
  lineAt: (offset: number) => number
}

export const root = dirname(dirname(import.meta.dirname))

/** Every file below a folder that ends so, generated ones left out. */
export function listFiles(folder: string, ...endings: string[]): string[] {
  return readdirSync(join(root, folder), { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && endings.some((ending) => entry.name.endsWith(ending)))
    .map((entry) => posix.join(entry.parentPath.slice(root.length + 1).replaceAll('\\', '/'), entry.name))
    .filter((path) => !path.startsWith('src/generated/'))
    .sort()
}

export const exists = (path: string): boolean => existsSync(join(root, path))

export const readText = (path: string): string => readFileSync(join(root, path), 'utf8')

/** Parsed when it is first asked for: rules about names and lengths need no tree. */
export function parseSource(path: string, text: string): SourceFile {
  const lineAt = lineCounter(text)
  const body = once(() => (/\.m?[jt]s$/.test(path) ? statementsOf(text) : []))
  const nodes = once(() => body().flatMap((statement) => [...walk(statement)]))
  const imports = once(() => importsOf(nodes(), path, lineAt))
  return {
    path,
    text,
    lineAt,
    get body() {
      return body()
    },
    get nodes() {
      return nodes()
    },
    get imports() {
      return imports()
    },
  }
}

const statementsOf = (text: string): Node[] => parseAst(text, { lang: 'ts' }).body as unknown as Node[]

function once<T>(make: () => T): () => T {
  let made: { value: T } | undefined
  return () => {
    made ??= { value: make() }
    return made.value
  }
}

function lineCounter(text: string): (offset: number) => number {
  const starts = [0]
  for (let at = text.indexOf('\n'); at >= 0; at = text.indexOf('\n', at + 1)) starts.push(at + 1)
  return (offset) => {
    let [low, high] = [0, starts.length]
    while (low < high) {
      const middle = (low + high) >> 1
      if ((starts[middle] ?? 0) <= offset) low = middle + 1
      else high = middle
    }
    return low
  }
}

const isNode = (value: unknown): value is Node =>
  typeof value === 'object' && value !== null && 'type' in value && typeof value.type === 'string'

export function childrenOf(node: Node): Node[] {
  return Object.values(node).flat().filter(isNode)
}

/** A node and everything below it; what `stopAt` says yes to is shown, but not what is inside. */
export function* walk(node: Node, stopAt: (node: Node) => boolean = () => false): Generator<Node> {
  yield node
  if (stopAt(node)) return
  for (const child of childrenOf(node)) yield* walk(child, stopAt)
}

export const isFunction = ({ type }: Node): boolean =>
  ['FunctionDeclaration', 'FunctionExpression', 'ArrowFunctionExpression'].includes(type)

/** A member of a node that is a node itself. */
export function part(node: Node | undefined, name: string): Node | undefined {
  const value = node?.[name]
  return isNode(value) ? value : undefined
}

export const parts = (node: Node | undefined, name: string): Node[] => [node?.[name]].flat().filter(isNode)

/** `a`, `a.b` and `a.b.c` as text; an empty string for everything else. */
export function dotted(node: Node | undefined): string {
  if (node?.type === 'Identifier') return String(node.name)
  if (node?.type !== 'MemberExpression' || node.computed === true) return ''
  const object = dotted(part(node, 'object'))
  return object && `${object}.${String(part(node, 'property')?.name)}`
}

/** Whom a call begins with: `fs` of `fs.existsSync()`; empty for what is no call. */
export const calledName = (node: Node): string =>
  node.type === 'CallExpression' ? (dotted(part(node, 'callee')).split('.')[0] ?? '') : ''

/** The text of a string, or of a template with its holes left out. */
export function textOf(node: Node): string | undefined {
  if (node.type === 'Literal') return typeof node.value === 'string' ? node.value : undefined
  if (node.type !== 'TemplateLiteral') return undefined
  return parts(node, 'quasis')
    .map(({ value }) => (value as { raw: string }).raw)
    .join(' ')
}

function importsOf(nodes: readonly Node[], path: string, lineAt: SourceFile['lineAt']): Import[] {
  return nodes.flatMap((node) => {
    const source = part(node, 'source')
    const specifier = source && textOf(source)
    if (specifier === undefined) return []
    return [{ target: targetOf(specifier, path), names: namesOf(node), line: lineAt(node.start) }]
  })
}

function targetOf(specifier: string, path: string): string {
  if (specifier.startsWith('.')) return posix.normalize(posix.join(posix.dirname(path), specifier))
  return specifier
}

function namesOf(node: Node): string[] {
  const specifiers = parts(node, 'specifiers')
  if (specifiers.length === 0) return ['*']
  return specifiers.map((specifier) => {
    if (specifier.type === 'ImportNamespaceSpecifier') return '*'
    return String((part(specifier, 'imported') ?? part(specifier, 'local'))?.name ?? '*')
  })
}
