// Owns the notes of each person, and the tools by which an agent reads and writes them.
import { McpServer } from '@modelcontextprotocol/sdk/server/mcp.js'
import { z } from 'zod'

export type Notebook = ReturnType<typeof createNotebook>

const mostNotes = 100

/** In memory: this is about who may, not about keeping. */
export function createNotebook() {
  const notes = new Map<string, string[]>()

  const list = (sub: string): readonly string[] => notes.get(sub) ?? []

  function add(sub: string, text: string): number {
    const all = [...list(sub), text].slice(-mostNotes)
    notes.set(sub, all)
    return all.length
  }

  return { list, add }
}

const said = (text: string) => ({ content: [{ type: 'text' as const, text }] })

/** For one request, and so for one person; a tool that its token is not for is not there. */
export function createTools(notebook: Notebook, { sub, scopes }: { sub: string; scopes: readonly string[] }) {
  const server = new McpServer({ name: 'foyer-notebook', version: '1.0.0' })
  if (scopes.includes('notes:read')) {
    server.registerTool('list_notes', { description: 'The notes of the person who signed in.' }, () =>
      said(notebook.list(sub).join('\n') || 'There are none.'),
    )
  }
  if (scopes.includes('notes:write')) {
    const inputSchema = { text: z.string().min(1).max(500) }
    server.registerTool('add_note', { description: 'Adds a note.', inputSchema }, ({ text }) =>
      said(`There are ${notebook.add(sub, text)} now.`),
    )
  }
  return server
}
