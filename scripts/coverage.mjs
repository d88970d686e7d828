// Joins two coverages of src by line: what the tests' own process ran, as vitest reports it, and what the
// product's processes ran, as V8 writes it into NODE_V8_COVERAGE when they end.
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { SourceMap } from 'node:module'
import { join, relative, sep } from 'node:path'
import { fileURLToPath } from 'node:url'

/** A line counts when a statement begins on it. */
export function lineCoverage(root, reportPath, childFolder) {
  const report = JSON.parse(readFileSync(reportPath, 'utf8'))
  const children = childLines(root, childFolder)
  let total = 0
  let inTests = 0
  let covered = 0
  for (const [path, { statementMap, s }] of Object.entries(report)) {
    const lines = new Map()
    for (const [id, { start }] of Object.entries(statementMap)) {
      lines.set(start.line, lines.get(start.line) || s[id] > 0)
    }
    for (const [line, ran] of lines) {
      total += 1
      if (ran) inTests += 1
      if (ran || children.get(relative(root, path))?.has(line)) covered += 1
    }
  }
  return { total, inTests, covered }
}

/** The lines of each source file that any child process ran. */
function childLines(root, folder) {
  const linesOf = new Map()
  if (!existsSync(folder)) return linesOf
  for (const name of readdirSync(folder)) {
    for (const script of readScripts(join(folder, name))) {
      const source = sourceOf(root, script.url)
      if (!source) continue
      const known = linesOf.get(source.path) ?? new Set()
      for (const line of linesRun(source, script.functions)) known.add(line)
      linesOf.set(source.path, known)
    }
  }
  return linesOf
}

// A process that was killed while it wrote leaves half a file.
function readScripts(path) {
  try {
    return JSON.parse(readFileSync(path, 'utf8')).result
  } catch {
    return []
  }
}

// Types are stripped in place, so src runs under its own line numbers; dist needs the map that tsc wrote.
function sourceOf(root, url) {
  if (!url.startsWith('file:')) return undefined
  const file = fileURLToPath(url)
  const path = relative(root, file).split(sep).join('/')
  if (/^src\/.*\.ts$/.test(path)) return { path, text: readFileSync(file, 'utf8'), lineOf: (line) => line }
  if (!/^dist\/src\/.*\.js$/.test(path) || !existsSync(`${file}.map`)) return undefined
  const map = new SourceMap(JSON.parse(readFileSync(`${file}.map`, 'utf8')))
  return {
    path: path.replace(/^dist\//, '').replace(/\.js$/, '.ts'),
    text: readFileSync(file, 'utf8'),
    lineOf: (line, column) => (map.findEntry(line - 1, column).originalLine ?? -1) + 1,
  }
}

// V8 nests its ranges, and the innermost one around a place tells how often it ran. Ranges of one function come
// with outer before inner, functions with outer before inner too, so the last range around a place wins.
function* linesRun({ text, lineOf }, functions) {
  const counts = new Float64Array(text.length)
  for (const { ranges } of functions) {
    for (const { startOffset, endOffset, count } of ranges) counts.fill(count, startOffset, endOffset)
  }
  let offset = 0
  for (const [index, line] of text.split('\n').entries()) {
    const column = line.search(/\S/)
    if (column >= 0 && counts[offset + column] > 0) yield lineOf(index + 1, column)
    offset += line.length + 1
  }
}
