// Owns the answer to `response_mode=web_message`: a page without content in a frame of an app, which hands the answer
// to that app's origin alone. A session that has not ended is renewed so in silence.
import { hash } from 'node:crypto'
import type Koa from 'koa'
import { framedHeaders } from '../web/headers.ts'

const script = `
const { answer, origin } = document.body.dataset
const response = JSON.parse(decodeURIComponent(answer))
const app = window.opener ?? window.parent
app.postMessage({ type: 'authorization_response', response }, origin)
`

/** `redirectUri` is one that the client registered, so its origin is the client's. */
export function answerByMessage(ctx: Koa.Context, redirectUri: string, answer: Record<string, string>): void {
  const { origin } = new URL(redirectUri)
  framedHeaders(ctx, { origin, scriptHash: hash('sha256', script, 'base64') })
  ctx.type = 'html'
  // Percent-encoded, so that no character of it means anything to HTML
  const text = encodeURIComponent(JSON.stringify(answer))
  ctx.body = `<!doctype html><html lang="en"><meta charset="utf-8"><title>Foyer</title>
<body data-origin="${origin}" data-answer="${text}"><script>${script}</script></body></html>`
}
