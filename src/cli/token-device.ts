// Owns `foyer token device`: a token for a person, as a device without a browser fetches it (RFC 8628).
import type { Output } from './output.ts'
import type { CliEnvironment } from './services.ts'
import { answerOf, tokenRefused } from './token-answer.ts'

export type DeviceToken = { clientId: string; scope?: string; resource?: string }

type DeviceTokenDeps = Pick<CliEnvironment, 'postForm' | 'pause'> & { issuer: string; output: Output }

const deviceGrant = 'urn:ietf:params:oauth:grant-type:device_code'

export async function fetchDeviceToken(
  { postForm, pause, issuer, output }: DeviceTokenDeps,
  { clientId, scope, resource }: DeviceToken,
): Promise<void> {
  const asking = new URLSearchParams({ client_id: clientId })
  if (scope !== undefined) asking.set('scope', scope)
  if (resource !== undefined) asking.set('resource', resource)
  const asked = await postForm(`${issuer}/oauth2/device`, asking, {})
  const begun = answerOf(asked)
  const { device_code, user_code, verification_uri, interval } = begun
  if (typeof device_code !== 'string') throw tokenRefused(asked.status, begun)
  output.say(`Open ${verification_uri} and type ${user_code}.`)

  const form = new URLSearchParams({ grant_type: deviceGrant, device_code, client_id: clientId })
  let seconds = Number(interval)
  for (;;) {
    await pause(seconds)
    const answered = await postForm(`${issuer}/oauth2/token`, form, {})
    const answer = answerOf(answered)
    if (typeof answer.access_token === 'string') return output.data(answer, answer.access_token)
    // RFC 8628 §3.5
    if (answer.error === 'slow_down') seconds += 5
    else if (answer.error !== 'authorization_pending') throw tokenRefused(answered.status, answer)
  }
}
