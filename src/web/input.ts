// Owns reading what a client sent: once per route, bounded in size and time, and into a known shape.
// The protocol endpoints read their own bodies; what the fields mean is up to each route's schema.
import type Koa from 'koa'
import type { z } from 'zod'
import { limits } from '../config/limits.ts'
import { AppError, type FieldError, invalidInput } from '../kernel/errors.ts'

declare module 'koa' {
  interface DefaultState {
    /** What came, where it was waited for before anything else. */
    body?: Buffer
  }
}

export type Form = Readonly<Record<string, string>>

const invalidRequest = (cause?: unknown) => new AppError('invalid', 'invalid_request', { cause })

/** The fields of a posted form, each name once. */
export async function readForm(ctx: Koa.Context): Promise<Form> {
  assertContentType(ctx, 'application/x-www-form-urlencoded')
  return parseForm(await readText(ctx))
}

/** A JSON document of any kind, each name of an object once. */
export async function readJson(ctx: Koa.Context): Promise<unknown> {
  assertContentType(ctx, 'application/json')
  return parseJson(await readText(ctx))
}

/** The value in the schema's shape; else a refusal that points at every field to correct. */
export function parse<Schema extends z.ZodType>(schema: Schema, value: unknown): z.output<Schema> {
  const result = schema.safeParse(value)
  if (result.success) return result.data
  throw invalidInput(result.error.issues.flatMap(fieldErrors))
}

function fieldErrors(issue: z.core.$ZodIssue): FieldError[] {
  const { code, message, path } = issue
  if (issue.code !== 'unrecognized_keys') {
    const detail = message.endsWith('received undefined') ? 'is missing' : message
    return [{ pointer: pointerTo(path), code, detail }]
  }
  return issue.keys.map((key) => ({
    pointer: pointerTo([...path, key]),
    code,
    detail: 'is not known: remove it',
  }))
}

// RFC 6901 §3: ~ and / are escaped.
const pointerTo = (path: readonly PropertyKey[]): string =>
  path.map((key) => `/${String(key).replaceAll('~', '~0').replaceAll('/', '~1')}`).join('')

/** Takes application/x-www-form-urlencoded apart, strictly: what a browser would not send is refused. */
export function parseForm(text: string): Form {
  const form = new Map<string, string>()
  for (const pair of text === '' ? [] : text.split('&')) {
    const at = pair.indexOf('=')
    const name = decode(at < 0 ? pair : pair.slice(0, at))
    const value = decode(at < 0 ? '' : pair.slice(at + 1))
    // RFC 6749 §3.2 for its own parameters; one value too many is a mistake or an attack everywhere else too
    if (form.has(name) || name === '__proto__') throw invalidRequest()
    form.set(name, value)
  }
  return Object.fromEntries(form)
}

function decode(part: string): string {
  try {
    return checkText(decodeURIComponent(part.replaceAll('+', ' ')))
  } catch (cause) {
    if (cause instanceof AppError) throw cause
    throw invalidRequest(cause)
  }
}

// PostgreSQL stores neither NUL nor half a surrogate pair.
function checkText(text: string): string {
  if (text.includes('\0') || !text.isWellFormed()) throw invalidRequest()
  return text
}

const maxDepth = 32
const jsonToken = /"(?:[^"\\]|\\.)*"|[{}[\]]/g

/** JSON.parse, which lets the last of two equal names win, with the rest of the rules for input. */
export function parseJson(text: string): unknown {
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch (cause) {
    throw invalidRequest(cause)
  }
  assertJsonIsPlain(text)
  return value
}

// Walks the tokens of a text that JSON.parse has accepted.
function assertJsonIsPlain(text: string): void {
  const open: (Set<string> | undefined)[] = []
  for (const { 0: token, index } of text.matchAll(jsonToken)) {
    if (token === '{' || token === '[') {
      if (open.push(token === '{' ? new Set() : undefined) > maxDepth) throw invalidRequest()
    } else if (token === '}' || token === ']') {
      open.pop()
    } else {
      const content = checkText(String(JSON.parse(token)))
      if (isName(text, index + token.length)) addName(open.at(-1), content)
    }
  }
}

function isName(text: string, end: number): boolean {
  let at = end
  while (' \t\n\r'.includes(text[at] ?? '-')) at += 1
  return text[at] === ':'
}

function addName(names: Set<string> | undefined, name: string): void {
  if (name === '__proto__' || names?.has(name)) throw invalidRequest()
  names?.add(name)
}

function assertContentType(ctx: Koa.Context, wanted: string): void {
  const [type = '', ...parameters] = ctx.get('Content-Type').toLowerCase().split(';')
  const charset = parameters.map((text) => text.trim()).find((text) => text.startsWith('charset='))
  const isUtf8 = charset === undefined || /^charset="?utf-8"?$/.test(charset)
  const isEncoded = ctx.get('Content-Encoding') !== ''
  if (type.trim() !== wanted || !isUtf8 || isEncoded) throw new AppError('invalid', 'unsupported_media_type')
}

async function readText(ctx: Koa.Context): Promise<string> {
  const bytes = ctx.state.body ?? (await readBody(ctx))
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes)
  } catch (cause) {
    throw invalidRequest(cause)
  }
}

/**
 * To be awaited before anybody asks who sent the request: a body can be held back, and what was true of its sender when
 * the header came may be over.
 */
export async function receiveBody(ctx: Koa.Context): Promise<void> {
  if (ctx.method !== 'GET' && ctx.method !== 'HEAD') ctx.state.body = await readBody(ctx)
}

export type BodyLimits = { bytes: number; timeoutMs: number }

const usual: BodyLimits = { bytes: limits.bodyBytes, timeoutMs: limits.requestTimeoutMs }

/** The body; kept only up to the cap, whatever its length was said to be. */
export async function readBody(ctx: Koa.Context, { bytes, timeoutMs }: BodyLimits = usual): Promise<Buffer> {
  const { req } = ctx
  const tooLarge = () => new AppError('invalid', 'body_too_large')
  if (Number(ctx.get('Content-Length')) > bytes) throw tooLarge()
  if (req.readableEnded) return Buffer.alloc(0)

  const chunks: Buffer[] = []
  let length = 0
  const { promise, resolve, reject } = Promise.withResolvers<Buffer>()
  const onData = (chunk: Buffer) => {
    length += chunk.length
    if (length > bytes) reject(tooLarge())
    else chunks.push(chunk)
  }
  const onEnd = () => resolve(Buffer.concat(chunks))
  // A request that was read to its end closes too
  const onTorn = () => !req.complete && reject(invalidRequest())
  const timer = setTimeout(() => {
    // The rest would hold the connection, so it is not used for another request
    ctx.set('Connection', 'close')
    reject(new AppError('invalid', 'request_timeout'))
  }, timeoutMs)
  req.on('data', onData).on('end', onEnd).on('error', onTorn).on('close', onTorn)
  try {
    return await promise
  } finally {
    clearTimeout(timer)
    req.off('data', onData).off('end', onEnd).off('error', onTorn).off('close', onTorn)
  }
}
