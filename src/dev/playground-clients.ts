// Owns whom the playground is to Foyer: the demo clients, as the seed registers them.
// Their secrets are in the README for everybody to read; they exist on loopback only.

export type DemoClient = {
  id: string
  secret: string
  /** Below the playground's origin. */
  callbackPath: string
  scope: string
  /** A third party gets `offline_access` only together with a question to the person (OIDC Core §11). */
  prompt?: string
  /** The one place that Foyer may send the browser back to after a sign-out, if any is registered. */
  afterSignOutPath?: string
}

export const webClient: DemoClient = {
  id: 'demo-web',
  secret: 'demo-web-secret',
  callbackPath: '/callback',
  scope: 'openid profile email phone address offline_access teams roles',
  afterSignOutPath: '/',
}

export const thirdPartyClient: DemoClient = {
  id: 'demo-third-party',
  secret: 'demo-third-party-secret',
  callbackPath: '/third-party/callback',
  scope: 'openid profile email offline_access',
  prompt: 'consent',
}

export const machineClient = { id: 'demo-machine', secret: 'demo-machine-secret', scope: 'quests:read' }

export const spaClient = { id: 'demo-spa', callbackPath: '/spa/callback', scope: 'openid profile email' }

/** The demo API, for which access tokens are JWTs. */
export const questsApi = 'urn:demo:quests'
