// Owns which redirect URIs a client may register. At sign-in they are compared byte by byte, never by pattern.

export type ApplicationType = 'web' | 'native'

const longestUri = 2048
// RFC 3986 §2: the characters a URI is made of. No backslash, space, control or non-ASCII character gets in,
// and no asterisk: nobody may take it for a pattern.
const uriText = /^[A-Za-z0-9\-._~:/?[\]@!$&'()+,;=%]+$/
const badEscape = /%(?![0-9A-Fa-f]{2})/
// RFC 8252 §7.1: a scheme from a domain name in the client's control, reversed. A dot in it keeps out
// javascript:, data: and every other scheme that a browser knows.
const reverseDomainScheme = /^[a-z][a-z0-9-]*(\.[a-z0-9][a-z0-9-]*)+$/
const loopbackHosts = ['localhost', '127.0.0.1', '[::1]']

// RFC 1123 §2.1, and the underscore that some have: what else the URL class takes, as ; and , and ', would end a source
// in a Content-Security-Policy and begin another directive or policy.
const hostText = /^(?:[a-z0-9._-]+|\[[0-9a-f:.]+\])$/

export const isPlainHost = (hostname: string): boolean => hostText.test(hostname)

export const isLoopback = (hostname: string): boolean => loopbackHosts.includes(hostname)

/** Why this cannot be registered, in words that say what to do; null when it can. */
export function redirectProblem(uri: string, applicationType: ApplicationType): string | null {
  if (uri.length > longestUri) return `must have at most ${longestUri} characters`
  if (uri.includes('*')) return 'must not contain *: register each address in full'
  if (uri.includes('#')) return 'must not contain a fragment: remove # and what follows'
  if (!uriText.test(uri) || badEscape.test(uri)) return 'must be a URI as RFC 3986 writes it'

  const url = URL.parse(uri)
  const scheme = /^([^:/?]+):/.exec(uri)?.[1]
  if (!url || !scheme) return 'must be an absolute URI'
  if (hasUserInfo(uri)) return 'must not contain a user name: remove what stands before @'

  if (!isCanonical(uri, url)) return `must be written as ${url.href}`

  if (/^https?$/.test(scheme) && !isPlainHost(url.hostname))
    return 'must name a host of letters, digits, hyphens and dots'
  if (scheme === 'https') return httpsProblem(url, applicationType)
  if (scheme === 'http') return httpProblem(url)
  return privateProblem(scheme, applicationType)
}

// The authority ends at the first / or ?, RFC 3986 §3.2; asked of the text, since parsers differ on the rest.
function hasUserInfo(uri: string): boolean {
  const authority = /^[^:]+:\/\/([^/?]*)/.exec(uri)?.[1] ?? ''
  return authority.includes('@')
}

/** As written it is as a browser would go there: no second spelling of the host, no dot segments. */
const isCanonical = (uri: string, url: URL): boolean => url.href === uri || url.href === `${uri}/`

function httpsProblem(url: URL, applicationType: ApplicationType): string | null {
  // A claimed https address is an app's only when the app answers there, which no loopback address proves.
  const isAnybodys = applicationType === 'native' && isLoopback(url.hostname)
  return isAnybodys ? 'must use http on loopback' : null
}

const httpProblem = (url: URL): string | null =>
  isLoopback(url.hostname) ? null : 'must use https, or http on 127.0.0.1, [::1] or localhost'

function privateProblem(scheme: string, applicationType: ApplicationType): string | null {
  if (applicationType !== 'native') return 'must use https, or http on loopback'
  if (reverseDomainScheme.test(scheme)) return null
  return 'must use a scheme that is a domain name in reverse, as in com.example.app:/callback'
}
