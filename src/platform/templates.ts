// Owns turning a view into text: every file of the views folder is compiled once, at boot.
// A template reads `view.…` only, and `include('partials/name', {…})` gives a partial what it names, and the words.
// Pages and their headers are web/render.ts.
import ejs from 'ejs'
import { folderCache, listFolder, readFolderFile } from './folder.ts'

export type Templates = {
  /**
   * The file `name`.ejs, filled in. Everything is escaped except what templates include. `words` are the view of
   * every partial on the way too: the functions that say things in the reader's language.
   */
  render(name: string, view: object, words?: object): string
}

type Compiled = Map<string, ejs.TemplateFunction>

// EJS resolves its own include from disk on every call. This one hands over the compiled function instead,
// declared in a block of its own because EJS passes a parameter of the same name.
const wrap = (source: string) => `<% { const include = view.include -%>${source.trimEnd()}<% } -%>`

function compile(dir: string, path: string): ejs.TemplateFunction {
  return ejs.compile(wrap(readFolderFile(dir, path).toString('utf8')), {
    filename: path,
    strict: true,
    localsName: 'view',
    rmWhitespace: true,
  })
}

function compileAll(dir: string): Compiled {
  const templates = listFolder(dir).filter((path) => path.endsWith('.ejs'))
  return new Map(templates.map((path) => [path.slice(0, -'.ejs'.length), compile(dir, path)]))
}

export function loadTemplates(dir: string, { reload = false }: { reload?: boolean } = {}): Templates {
  const compiled = folderCache(dir, compileAll, reload)

  function render(name: string, view: object, words: object = {}): string {
    const template = compiled().get(name)
    if (!template) throw new Error(`There is no view named ${name}`)
    const include = (partial: string, given: object) => render(partial, given, words)
    return template({ ...words, ...view, include })
  }

  return { render }
}
