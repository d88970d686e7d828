// Owns what stands in a mail, as blocks in their order, and the mail as plain text. Its HTML is views/mail, its
// words are locales/.
import { dateOf } from '../../kernel/time.ts'
import type { Translator, Values } from '../../platform/i18n.ts'
import type { MessageKey } from '../../platform/message-keys.ts'
import type { SealedMail, TemplateName } from './schema.ts'

export type Block =
  | { kind: 'paragraph' | 'code' | 'small'; text: string }
  | { kind: 'link'; text: string; url: string }
  | { kind: 'facts'; facts: string[] }

export type Letter = Pick<Translator, 'lang' | 'dir'> & { subject: string; heading: string; blocks: Block[] }

export type Sender = {
  /** How the operator calls this installation. */
  product: string
  issuer: string
  /** What a user agent says of its device. */
  deviceOf: (userAgent: string) => { browser: string | null; system: string | null }
}

type Parts = {
  t: Translator['t']
  /** As handed over, for what is no part of a sentence. */
  raw: Partial<Record<string, string>>
  values: Values
  accountUrl: string
  deviceOf: Sender['deviceOf']
}

export function letterOf(mail: SealedMail, words: Translator, sender: Sender): Letter {
  const { template } = mail
  const raw = { at: mail.at, ...mail.values }
  const values = { product: sender.product, ...valuesOf(raw) }
  const { t } = words
  const { issuer, deviceOf } = sender
  const parts: Parts = { t, raw, values, accountUrl: `${issuer}/account`, deviceOf }
  return {
    lang: words.lang,
    dir: words.dir,
    subject: t(`mail.${template}.subject`, values),
    heading: t(`mail.${template}.heading`, values),
    blocks: bodyOf[template](parts),
  }
}

/** Numbers and times as such, since every language has its own way with them. */
function valuesOf(raw: Parts['raw']): Values {
  const values: Record<string, string | number | Date> = {}
  for (const [name, value] of Object.entries(raw)) {
    if (value === undefined) continue
    if (name === 'at' || name === 'until') values[name] = dateOf(value)
    else values[name] = onOneLine(value)
  }
  return values
}

/** An app's name begins no paragraph of its own in a plain text. */
const onOneLine = (text: string): string => text.replace(/[\p{Cc}\u2028\u2029]+/gu, ' ')

const paragraph = ({ t, values }: Parts, key: MessageKey): Block => ({
  kind: 'paragraph',
  text: t(key, values),
})
const code = ({ raw }: Parts): Block => ({ kind: 'code', text: raw.code ?? '' })
const link = ({ t, values, raw }: Parts, key: MessageKey): Block => ({
  kind: 'link',
  text: t(key, values),
  url: raw.url ?? '',
})
/** A day is not told in minutes. */
function valid({ t, raw }: Parts): Block {
  const minutes = Number(raw.minutes)
  const text =
    minutes < 120 ? t('mail.valid', { minutes }) : t('mail.valid_hours', { hours: Math.floor(minutes / 60) })
  return { kind: 'paragraph', text }
}

type ForAnApp = 'code' | 'link' | 'already_registered' | 'no_account'

const lead = (parts: Parts, template: ForAnApp): Block =>
  paragraph(parts, parts.raw.app === undefined ? `mail.${template}.lead` : `mail.${template}.lead_app`)

/** Where and when, in every mail that a stranger can cause, and what to do about it. */
function asked({ t, raw, values }: Parts): Block {
  const when = t(raw.address === undefined ? 'mail.asked' : 'mail.asked_from', values)
  const isKey = raw.code !== undefined || raw.minutes !== undefined
  return { kind: 'small', text: `${when} ${t(isKey ? 'mail.ignore_secret' : 'mail.ignore', values)}` }
}

function deviceFact({ t, raw, deviceOf }: Parts): string {
  const { browser, system } = deviceOf(raw.device ?? '')
  if (browser === null) return t('mail.fact_device', { device: t('mail.device_unknown') })
  return system === null
    ? t('mail.fact_device', { device: browser })
    : t('mail.fact_device_on', { browser, system })
}

const facts = (parts: Parts): Block => ({
  kind: 'facts',
  facts: [
    deviceFact(parts),
    parts.t('mail.fact_address', parts.values),
    parts.t('mail.fact_at', parts.values),
  ],
})

/** How somebody who did not do this gets their account back. */
const notYou = (parts: Parts, key: MessageKey = 'mail.not_you'): Block[] => [
  paragraph(parts, key),
  { kind: 'link', text: parts.t('mail.open_account'), url: parts.accountUrl },
]

type Notice = 'new_device' | 'password_changed' | 'password_removed' | 'recovery_used'

const notice = (parts: Parts, template: Notice): Block[] => [
  paragraph(parts, `mail.${template}.lead`),
  facts(parts),
  ...notYou(parts),
]

const bodyOf: Record<TemplateName, (parts: Parts) => Block[]> = {
  code: (parts) => [lead(parts, 'code'), code(parts), valid(parts), asked(parts)],
  link: (parts) => [lead(parts, 'link'), link(parts, 'mail.link.button'), valid(parts), asked(parts)],
  recovery: (parts) => [
    paragraph(parts, 'mail.recovery.lead'),
    code(parts),
    paragraph(parts, 'mail.recovery.or'),
    link(parts, 'mail.recovery.button'),
    valid(parts),
    asked(parts),
  ],
  recovery_link: (parts) => [
    paragraph(parts, 'mail.recovery_link.lead'),
    link(parts, 'mail.recovery.button'),
    valid(parts),
    asked(parts),
  ],
  already_registered: (parts) => [
    lead(parts, 'already_registered'),
    link(parts, 'mail.already_registered.button'),
    asked(parts),
  ],
  no_account: (parts) => [lead(parts, 'no_account'), link(parts, 'mail.no_account.button'), asked(parts)],
  new_device: (parts) => notice(parts, 'new_device'),
  password_changed: (parts) => notice(parts, 'password_changed'),
  password_removed: (parts) => notice(parts, 'password_removed'),
  email_changed: (parts) => [paragraph(parts, 'mail.email_changed.lead'), ...notYou(parts)],
  app_asks: (parts) => [
    paragraph(parts, 'mail.app_asks.lead'),
    link(parts, 'mail.app_asks.button'),
    { kind: 'small', text: parts.t('mail.app_asks.ignore') },
  ],
  tokens_reused: (parts) => [
    paragraph(parts, 'mail.tokens_reused.lead'),
    ...notYou(parts, 'mail.tokens_reused.check'),
  ],
  recovery_used: (parts) => notice(parts, 'recovery_used'),
  deletion_scheduled: (parts) => [
    paragraph(parts, 'mail.deletion_scheduled.lead'),
    link(parts, 'mail.deletion_scheduled.button'),
    paragraph(parts, 'mail.deletion_scheduled.otherwise'),
  ],
  account_restored: (parts) => [paragraph(parts, 'mail.account_restored.lead'), ...notYou(parts)],
  team_invitation: (parts) => [
    paragraph(parts, 'mail.team_invitation.lead'),
    link(parts, 'mail.team_invitation.button'),
    paragraph(parts, 'mail.team_invitation.until'),
    { kind: 'small', text: parts.t('mail.team_invitation.ignore') },
  ],
  webhook_disabled: (parts) => [
    paragraph(parts, 'mail.webhook_disabled.lead'),
    { kind: 'facts', facts: [parts.raw.receiver ?? '', parts.t('mail.fact_at', parts.values)] },
    paragraph(parts, 'mail.webhook_disabled.next'),
  ],
}

/** Blocks with a blank line between them: what a mail is where no HTML is shown. */
export function textOf({ heading, blocks }: Letter): string {
  const paragraphs = blocks.map((block) => {
    if (block.kind === 'link') return `${block.text}:\n${block.url}`
    if (block.kind === 'facts') return block.facts.join('\n')
    return block.text
  })
  return `${[heading, ...paragraphs].join('\n\n')}\n`
}
