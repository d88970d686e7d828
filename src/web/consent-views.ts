// Owns what a page needs to know that asks whether an app may have something, wherever it asks.

/** The app a page is about, as its owner registered it. */
export type AppOnPage = {
  name: string
  /** Where the app starts (`client_uri`), once checked to be http or https. */
  uri?: string
  /** Its logo, as Foyer keeps it. */
  logo?: string
  /** What it says about the data it gets (`policy_uri`), and its terms (`tos_uri`). */
  policy?: string
  terms?: string
}

/** One thing an app learns about the person; without a value it is something the app may do. */
export type ConsentItem = { title: string; value?: string }

export type ConsentApi = { name: string; scopes: { name: string; description: string }[] }

export type ConsentPage = {
  action: string
  app: AppOnPage
  /** Host, or scheme for native apps, that the person is sent back to. */
  redirectHost: string
  account: { email: string; name?: string }
  items: ConsentItem[]
  apis?: ConsentApi[]
  /** The app registered itself, or nobody has vouched for it. */
  unverified?: boolean
  /** Host of the document that describes it, which is all that is known of it. */
  documentHost?: string
}
