// Owns that no text becomes markup: whatever is put into a template is escaped, unless a template made it.

declare const brand: unique symbol
export type Html = { readonly text: string; readonly [brand]: true }
type Part = Html | string | number | false | null | undefined | readonly Part[]

const entities: Record<string, string> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
}
const made = new WeakSet<object>()

function htmlOf(text: string): Html {
  const html = Object.freeze({ text }) as Html
  made.add(html)
  return html
}

/** Attributes stand in double quotes, and addresses are paths that this board makes itself. */
export function html(strings: TemplateStringsArray, ...parts: Part[]): Html {
  return htmlOf(strings.reduce((text, string, index) => text + render(parts[index - 1]) + string))
}

function render(part: Part): string {
  if (part === false || part === null || part === undefined) return ''
  if (Array.isArray(part)) return part.map(render).join('')
  // Remembered by identity: an object that came out of JSON cannot pass for markup
  if (typeof part === 'object') return made.has(part) ? (part as Html).text : ''
  return String(part).replace(/[&<>"']/g, (character) => entities[character] ?? '')
}
