// Owns the names of all messages, read off the English ones: a message that is not there does not compile.
import type access from '../../locales/en/access.json'
import type account from '../../locales/en/account.json'
import type choose from '../../locales/en/choose.json'
import type ciba from '../../locales/en/ciba.json'
import type common from '../../locales/en/common.json'
import type consent from '../../locales/en/consent.json'
import type device from '../../locales/en/device.json'
import type error from '../../locales/en/error.json'
import type interaction from '../../locales/en/interaction.json'
import type invitation from '../../locales/en/invitation.json'
import type join from '../../locales/en/join.json'
import type logout from '../../locales/en/logout.json'
import type mail from '../../locales/en/mail.json'
import type setup from '../../locales/en/setup.json'
import type team from '../../locales/en/team.json'

type Areas = {
  access: typeof access
  account: typeof account
  choose: typeof choose
  ciba: typeof ciba
  common: typeof common
  consent: typeof consent
  device: typeof device
  error: typeof error
  interaction: typeof interaction
  invitation: typeof invitation
  join: typeof join
  logout: typeof logout
  mail: typeof mail
  setup: typeof setup
  team: typeof team
}

/** `area.key`: the file of locales/en, a dot, the key in it. */
export type MessageKey = { [Area in keyof Areas]: `${Area}.${keyof Areas[Area] & string}` }[keyof Areas]
