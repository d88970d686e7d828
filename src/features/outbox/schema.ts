// Owns what a mail is before it is written: to whom, in which language, which template, and its values.
// What becomes of it is service.ts; what it says is content.ts and locales.

/** The values that each template needs, and those it may have. Times are ISO 8601; the job puts them into words. */
export type TemplateValues = {
  code: { code: string; minutes: string; app?: string; address?: string }
  link: { url: string; minutes: string; app?: string; address?: string }
  recovery: { code: string; url: string; minutes: string; address?: string }
  recovery_link: { url: string; minutes: string; address?: string }
  already_registered: { url: string; app?: string; address?: string }
  no_account: { url: string; app?: string; address?: string }
  new_device: { device: string; address: string; at: string }
  password_changed: { device: string; address: string; at: string }
  password_removed: { device: string; address: string; at: string }
  email_changed: { from: string; to: string }
  app_asks: { app: string; at: string; url: string }
  tokens_reused: { app: string; at: string }
  recovery_used: { device: string; address: string; at: string }
  deletion_scheduled: { url: string; until: string }
  account_restored: Record<never, string>
  team_invitation: { url: string; team: string; until: string }
  webhook_disabled: { receiver: string; at: string }
}

export type TemplateName = keyof TemplateValues

export const templateNames = [
  'code',
  'link',
  'recovery',
  'recovery_link',
  'already_registered',
  'no_account',
  'new_device',
  'password_changed',
  'password_removed',
  'email_changed',
  'app_asks',
  'tokens_reused',
  'recovery_used',
  'deletion_scheduled',
  'account_restored',
  'team_invitation',
  'webhook_disabled',
] as const satisfies TemplateName[]

type MailOf<Name extends TemplateName> = {
  /** One plain address. */
  to: string
  /** As the person's: a tag (BCP 47). One that there are no words for becomes the installation's. */
  language: string
  template: Name
  values: TemplateValues[Name]
  /** Afterwards it is not sent any more: its code is dead, or its news is old. */
  expiresAt: Date
  /** `auth` is what somebody waits for: it goes first. Taken from the template when absent. */
  priority?: MailPriority
}

export type MailPriority = 'auth' | 'notice'

export type OutboxMail = { [Name in TemplateName]: MailOf<Name> }[TemplateName]

/** What rests sealed until the mail is sent. */
export type SealedMail = Pick<OutboxMail, 'to' | 'language' | 'template' | 'values'> & {
  /** When it was asked for. */
  at: string
}

/** What a job holds. */
export type MailJob = {
  id: string
  /** How often it was tried before. */
  tries: number
  priority: MailPriority
  expiresAt: string
  /** A SealedMail, base64. */
  sealed: string
}

const waitedFor: readonly TemplateName[] = [
  'code',
  'link',
  'recovery',
  'recovery_link',
  'already_registered',
  'no_account',
  'app_asks',
]

export const priorityOf = ({ template, priority }: OutboxMail): MailPriority =>
  priority ?? (waitedFor.includes(template) ? 'auth' : 'notice')
