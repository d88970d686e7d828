// Owns the fields that an answer carries unchanged: rendered once, they leave as one piece of text behind the status
// line. Node would check, keep and write each of them anew for every answer. See ADR 0021.
import { type IncomingMessage, ServerResponse } from 'node:http'

type StoresHeader = { _storeHeader(statusLine: string, fields: unknown): void }

// Node has no public seam for this. Where an upgrade takes this one away, fields are set one by one, see isSteady.
const { _storeHeader: storeHeader }: Partial<StoresHeader> =
  ServerResponse.prototype as unknown as Partial<StoresHeader>

export class SteadyResponse<
  Request extends IncomingMessage = IncomingMessage,
> extends ServerResponse<Request> {
  /** What renderFields made; none of them may frame the message or be set otherwise as well. */
  steadyFields = ''

  _storeHeader(statusLine: string, fields: unknown): void {
    storeHeader?.call(this, statusLine + this.steadyFields, fields)
  }
}

/** Whether this response can carry steady fields. */
export const isSteady = (response: ServerResponse): response is SteadyResponse =>
  storeHeader !== undefined && response instanceof SteadyResponse

/** Fields as the text of a message (RFC 9112 §5). */
export function renderFields(fields: Readonly<Record<string, string>>): string {
  // Let Node refuse what may not stand in a field
  const checked = new Headers(fields)
  return [...checked].map(([name, value]) => `${name}: ${value}\r\n`).join('')
}
