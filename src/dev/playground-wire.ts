// Owns talking to the issuer from the server's side, and the record of it that the playground shows:
// requests and responses as they went over the wire, and each request as a curl command.
import { z } from 'zod'
import { type Clock, seconds, stopwatch } from '../kernel/time.ts'

/** One step of the trip, as it is shown. */
export type Exchange = {
  title: string
  /** Why an app does this. */
  why: string
  method: string
  url: string
  /** Which way it went: through the person's browser, or straight from server to server. */
  through: 'browser' | 'server'
  /** Reads what is the same for everybody, so it is never the step that matters. */
  isLookup?: boolean
  at: Date
  milliseconds?: number
  /** Absent when nothing came back. */
  status?: number
  request: string
  response: string
  curl?: string
}

export type Outgoing = {
  title: string
  why: string
  url: string
  isLookup?: boolean
  /** Sent as a posted form; without it the request is a GET. */
  form?: Record<string, string>
  /** RFC 6749 §2.3.1 */
  basic?: { id: string; secret: string }
  bearer?: string
}

export type Answer = { exchange: Exchange; json: Record<string, unknown>; ok: boolean }

export type Wire = { send(outgoing: Outgoing): Promise<Answer> }

type Prepared = { method: string; headers: Record<string, string>; body: string | undefined }

const JsonObject = z.record(z.string(), z.unknown())
const patienceMs = seconds(10)

export function createWire({ clock }: { clock: Clock }): Wire {
  async function send(outgoing: Outgoing): Promise<Answer> {
    const prepared = prepare(outgoing)
    const elapsed = stopwatch()
    const exchange: Exchange = {
      title: outgoing.title,
      why: outgoing.why,
      method: prepared.method,
      url: outgoing.url,
      through: 'server',
      isLookup: outgoing.isLookup ?? false,
      at: clock.now(),
      request: requestText(outgoing, prepared),
      response: '',
      curl: curlCommand(outgoing),
    }
    try {
      const response = await fetch(outgoing.url, {
        method: prepared.method,
        headers: prepared.headers,
        ...(prepared.body === undefined ? {} : { body: prepared.body }),
        redirect: 'manual',
        signal: AbortSignal.timeout(patienceMs),
      })
      const text = await response.text()
      const json = parseObject(text)
      Object.assign(exchange, {
        status: response.status,
        milliseconds: Math.round(elapsed() * 1000),
        response: responseText(response, json === undefined ? text : JSON.stringify(json, null, 2)),
      })
      return { exchange, json: json ?? {}, ok: response.ok }
    } catch (error) {
      return { exchange: { ...exchange, response: failureText(error) }, json: {}, ok: false }
    }
  }

  return { send }
}

function prepare({ form, basic, bearer }: Outgoing): Prepared {
  const authorization = basic ? basicCredentials(basic) : bearer ? `Bearer ${bearer}` : undefined
  return {
    method: form ? 'POST' : 'GET',
    headers: {
      Accept: 'application/json',
      ...(authorization ? { Authorization: authorization } : {}),
      ...(form ? { 'Content-Type': 'application/x-www-form-urlencoded' } : {}),
    },
    body: form ? new URLSearchParams(form).toString() : undefined,
  }
}

// RFC 6749 §2.3.1: both halves are form-encoded first.
function basicCredentials({ id, secret }: { id: string; secret: string }): string {
  const encoded = [id, secret].map((part) => encodeURIComponent(part)).join(':')
  return `Basic ${Buffer.from(encoded).toString('base64')}`
}

function requestText({ url }: Outgoing, { method, headers, body }: Prepared): string {
  const { host, pathname, search } = new URL(url)
  const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}`)
  const head = [`${method} ${pathname}${search} HTTP/1.1`, `Host: ${host}`, ...lines].join('\n')
  // One parameter per line is easier on the eyes, and the line breaks are not sent.
  return body === undefined ? head : `${head}\n\n${body.replaceAll('&', '\n&')}`
}

// What protects browsers, and the connection itself, says nothing about the protocol.
const unremarkable =
  /^(connection|keep-alive|transfer-encoding|date|vary|permissions-policy|content-security-policy|strict-transport-security|referrer-policy|(x-content|x-frame|cross-origin|access-control)-.*)$/

function responseText(response: Response, body: string): string {
  const lines = [...response.headers]
    .filter(([name]) => !unremarkable.test(name))
    .map(([name, value]) => `${name}: ${value}`)
  const head = [`HTTP/1.1 ${response.status} ${response.statusText}`, ...lines].join('\n')
  return body === '' ? head : `${head}\n\n${body}`
}

function failureText(error: unknown): string {
  if (error instanceof Error && error.name === 'TimeoutError')
    return `No answer within ${patienceMs / 1000} seconds.`
  return 'No answer: nothing listens at this address.'
}

function parseObject(text: string): Record<string, unknown> | undefined {
  try {
    return JsonObject.safeParse(JSON.parse(text)).data
  } catch {
    return undefined
  }
}

const shellQuoted = (text: string): string => `'${text.replaceAll("'", "'\\''")}'`

export function curlCommand({ url, form, basic, bearer }: Outgoing): string {
  const parts = [
    `curl -s ${shellQuoted(url)}`,
    ...(basic ? [`-u ${shellQuoted(`${basic.id}:${basic.secret}`)}`] : []),
    ...(bearer ? [`-H ${shellQuoted(`Authorization: Bearer ${bearer}`)}`] : []),
    ...Object.entries(form ?? {}).map(
      ([name, value]) => `--data-urlencode ${shellQuoted(`${name}=${value}`)}`,
    ),
  ]
  return parts.join(' \\\n  ')
}

/** A step that the browser takes for the app: what it asks or brings back, parameter by parameter. */
export function browserExchange(
  step: Pick<Exchange, 'title' | 'why' | 'method' | 'url' | 'at'> & { parameters: URLSearchParams },
): Exchange {
  const { parameters, ...shown } = step
  const { host, pathname } = new URL(step.url)
  const lines = [...parameters].map(([name, value], index) => `${index === 0 ? '?' : '&'}${name}=${value}`)
  const head = `${step.method} ${pathname} HTTP/1.1\nHost: ${host}`
  return { ...shown, through: 'browser', request: `${head}\n\n${lines.join('\n')}`, response: '' }
}
