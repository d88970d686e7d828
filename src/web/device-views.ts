// Owns what the pages need to know on which a person lets a device in, and how they are headed. Their words are
// locales/*/device.json.
import type { Translator } from '../platform/i18n.ts'
import type { AppOnPage, ConsentPage } from './consent-views.ts'
import type { PageError } from './sentences.ts'

/** Asks for the code that the device shows. */
export type DeviceCodePage = {
  userCode?: string
  errors?: PageError[]
  retryAt?: Date
  retryAfterSeconds?: number
}

/** Asks whether that device may sign in. */
export type DeviceConfirmPage = Omit<ConsentPage, 'action' | 'redirectHost'> & {
  userCode: string
  /** How the device called itself. */
  device: string | null
  address: string
  at: Date
}

export type DevicePages = {
  'device/code': DeviceCodePage
  'device/confirm': DeviceConfirmPage
  'device/done': { app: AppOnPage; allowed: boolean }
}

type Heads = {
  [Name in keyof DevicePages]: (
    view: DevicePages[Name],
    t: Translator['t'],
  ) => { heading: string; app?: AppOnPage }
}

export const deviceHeads: Heads = {
  'device/code': (_, t) => ({ heading: t('device.code_heading') }),
  'device/confirm': ({ app }, t) => ({ heading: t('device.confirm_heading', { app: app.name }), app }),
  'device/done': ({ allowed, app }, t) => ({
    heading: t(allowed ? 'device.allowed_heading' : 'device.denied_heading'),
    app,
  }),
}
