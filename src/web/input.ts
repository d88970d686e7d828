// Owns reading what a client sent: once per route, bounded in size and time, and into a known shape.
// The protocol endpoints read their own bodies; what the fields mean is up to each route's schema.
import type Koa from 'koa'
import { limits } from '../config/limits.ts'
import { AppError } from '../kernel/errors.ts'
import { checkText, invalidRequest, parseJson } from '../kernel/input.ts'

export { parse, parseJson } from '../kernel/input.ts'

declare module 'koa' {
  interface DefaultState {
    /** What came, where it was waited for before anything else. */
    body?: Buffer
  }
}

export type Form = Readonly<Record<string, string>>

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
