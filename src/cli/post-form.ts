// Owns the one request a command makes: a form posted to our own issuer. It follows no redirect and waits ten seconds.
import { type ClientRequest, request as requestHttp } from 'node:http'
import { request as requestHttps } from 'node:https'
import { seconds } from '../kernel/time.ts'
import type { FormAnswer } from './services.ts'

const patienceMs = seconds(10)
const longestAnswer = 1024 * 1024

export function postForm(
  url: string,
  form: URLSearchParams,
  headers: Record<string, string>,
): Promise<FormAnswer> {
  const send = url.startsWith('https:') ? requestHttps : requestHttp
  const body = form.toString()
  const options = {
    method: 'POST',
    signal: AbortSignal.timeout(patienceMs),
    headers: {
      ...headers,
      accept: 'application/json',
      'content-type': 'application/x-www-form-urlencoded',
      'content-length': Buffer.byteLength(body),
    },
  }
  return new Promise((resolve, reject) => {
    const request = send(url, options)
    const fail = (cause: unknown) =>
      reject(new Error(`${new URL(url).origin} does not answer: is Foyer running there?`, { cause }))
    request.on('error', fail)
    readAnswer(request, fail, resolve)
    request.end(body)
  })
}

function readAnswer(
  request: ClientRequest,
  fail: (cause: unknown) => void,
  done: (answer: FormAnswer) => void,
): void {
  request.on('response', (response) => {
    let body = ''
    response.setEncoding('utf8')
    response.on('error', fail)
    response.on('data', (chunk: string) => {
      body += chunk
      if (body.length > longestAnswer) request.destroy(new Error('the answer is too long'))
    })
    response.on('end', () => done({ status: response.statusCode ?? 0, body }))
  })
}
