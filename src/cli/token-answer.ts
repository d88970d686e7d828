// Owns how a command authenticates at the token endpoint, and what it makes of the answer.
import type { FormAnswer } from './services.ts'

export type Tokens = Record<string, unknown> & { access_token: string }

/** RFC 6749 §2.3.1: both parts are form-encoded before they are joined. */
export function basicOf(clientId: string, clientSecret: string): { authorization: string } {
  const encoded = [clientId, clientSecret].map(formEncode).join(':')
  return { authorization: `Basic ${Buffer.from(encoded).toString('base64')}` }
}

/** The tokens, or the refusal of the token endpoint in its own words. */
export function readTokens(answered: FormAnswer): Tokens {
  const { status } = answered
  const answer = answerOf(answered)
  const { access_token: token } = answer
  if (status !== 200 || typeof token !== 'string') throw tokenRefused(status, answer)
  return { ...answer, access_token: token }
}

/** What an endpoint answers to a form; empty when that is no JSON object. */
export function answerOf({ body }: FormAnswer): Record<string, unknown> {
  const value = tryJson(body)
  return isObject(value) ? value : {}
}

const formEncode = (text: string): string => new URLSearchParams({ '': text }).toString().slice(1)

export function tokenRefused(status: number, answer: Record<string, unknown>): Error {
  const { error, error_description: description } = answer
  const said = [error, description].filter((part) => typeof part === 'string').join(': ')
  return new Error(said || `The token endpoint answered ${status} and no token.`)
}

export function tryJson(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

export const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value)
