// What mails say: every template in every language, small, safe and without anything that is fetched.
import { describe, expect, it } from 'vitest'
import { languages } from '../../src/config/languages.ts'
import { letterOf, textOf } from '../../src/features/outbox/content.ts'
import { waitMs } from '../../src/features/outbox/policy.ts'
import { type SealedMail, type TemplateName, templateNames } from '../../src/features/outbox/schema.ts'
import { deviceNameOf } from '../../src/features/sessions/device-names.ts'
import { projectFolder } from '../../src/kernel/places.ts'
import { createClock } from '../../src/kernel/time.ts'
import { createMessages } from '../../src/platform/i18n.ts'
import { createMailer } from '../../src/platform/mailer.ts'
import { loadTemplates } from '../../src/platform/templates.ts'
import { captureLog } from '../support/edge.ts'
import { startSmtp } from '../support/mails.ts'

const messages = createMessages(projectFolder('locales'))
const templates = loadTemplates(projectFolder('views/mail'))
const sender = { product: 'Foyer', issuer: 'https://id.example.com', deviceOf: deviceNameOf }

const userAgent = 'Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0'
const token = 'x'.repeat(43)
const at = '2026-11-21T04:05:00.000Z'
const address = '2001:db8:1234:5678:9abc:def0:1234:5678'
const app = 'A Fairly Long Name Of An Application, As They Come'
const longest: { [Name in TemplateName]: Record<string, string> } = {
  code: { code: '424242', app, minutes: '10', address },
  link: { url: `https://id.example.com/link?token=${token}`, app, minutes: '10', address },
  recovery: { code: '424242', url: `https://id.example.com/recover?token=${token}`, minutes: '15', address },
  recovery_link: { url: `https://id.example.com/recover?token=${token}`, minutes: '15', address },
  already_registered: { url: 'https://id.example.com/', app, address },
  no_account: { url: 'https://id.example.com/', app, address },
  new_device: { device: userAgent, address, at },
  password_changed: { device: userAgent, address, at },
  password_removed: { device: userAgent, address, at },
  email_changed: { from: 'ada@example.test', to: 'ada.lovelace@example.test' },
  app_asks: { app, at, url: 'https://id.example.com/account/requests' },
  tokens_reused: { app, at },
  recovery_used: { device: userAgent, address, at },
  deletion_scheduled: { url: `https://id.example.com/restore?token=${token}`, until: at },
  account_restored: {},
  webhook_disabled: { receiver: `events.example.com/${'x'.repeat(80)}`, at },
  team_invitation: { url: `https://id.example.com/invitation?token=${token}`, team: app, until: at },
}

function letter(template: TemplateName, language = 'en', values = longest[template]) {
  const mail = { to: 'ada@example.test', language, template, values, at } as SealedMail
  const made = letterOf(mail, messages.translator(language), sender)
  return { ...made, text: textOf(made), html: templates.render('letter', made) }
}

const each = languages.flatMap((language) => templateNames.map((template) => ({ language, template })))

describe('every mail in every language', () => {
  it('is at most 15 KB on its way, with its headers and both parts', async () => {
    const smtp = await startSmtp()
    const mailer = createMailer({
      config: { smtpUrl: smtp.url, mailFrom: 'Foyer <no-reply@id.example.com>' },
      log: captureLog().log,
      clock: createClock(),
    })
    // The mail server greets after a tenth of a second, so a language's mails are on their way at once; all of them
    // would keep a busy machine from hearing the greeting in time
    for (const language of languages) {
      await Promise.all(
        templateNames.map((template) => {
          const { subject, text, html } = letter(template, language)
          const id = `${template}.${language}`
          return mailer.send({ id, to: 'ada@example.test', subject, text, html, language })
        }),
      )
    }
    mailer.close()
    await smtp.close()
    expect(smtp.received).toHaveLength(each.length)
    const tooLong = smtp.received.filter(({ raw }) => raw.length > 15 * 1024)
    expect(tooLong.map(({ mail }) => mail.messageId)).toEqual([])
    for (const { mail } of smtp.received) {
      expect(mail.text).toBeTruthy()
      expect(mail.html).toBeTruthy()
    }
  })

  it.each(each)('$template in $language loads nothing, runs nothing and has at most two links', (which) => {
    const { html, text } = letter(which.template, which.language)
    expect(html).not.toMatch(/<(script|img|link|iframe|object|form|input|svg|video|base)\b/i)
    expect(html).not.toMatch(/\s(src|srcset|background|on\w+|style)\s*=|url\(|@import/i)
    const hrefs = [...html.matchAll(/href="([^"]*)"/g)].map(([, href = '']) => href)
    expect(hrefs.length).toBeLessThanOrEqual(2)
    expect(hrefs.every((href) => href.startsWith('https://id.example.com/'))).toBe(true)
    expect(text.match(/https?:/g) ?? []).toHaveLength(hrefs.length)
    // In its own language and direction, wherever a mailbox puts it
    const { dir } = messages.translator(which.language)
    expect(html).toContain(`<html lang="${which.language}" dir="${dir}">`)
    expect(html).toContain(`<div class="letter" lang="${which.language}" dir="${dir}">`)
    expect(html).toContain('<meta name="color-scheme" content="light dark">')
    // Every value has its place
    expect(`${html}${text}`).not.toMatch(/[{}]\w*\}|undefined|NaN|Invalid/)
  })
})

describe('a mail', () => {
  it.each([['code'], ['recovery']] as const)(
    '%s has its code in the subject and alone on a line',
    (template) => {
      for (const language of languages) {
        const { subject, text } = letter(template, language)
        expect(subject).toContain('424242')
        expect(text).toMatch(/^424242$/m)
      }
    },
  )

  it('says where and when it was asked for', () => {
    const { text } = letter('code', 'en', { code: '424242', minutes: '1', address: '203.0.113.7' })
    expect(text).toContain('within 1 minute.')
    expect(text).toContain('Asked for on Nov 21, 2026, 04:05 UTC from the address 203.0.113.7.')
  })

  it('tells a day in hours', () => {
    const { text } = letter('code', 'en', { code: '424242', minutes: '1440' })
    expect(text).toContain('within 24 hours.')
  })

  it('names a device, an address and a time in a notice', () => {
    const { text } = letter('new_device')
    expect(text).toContain('Device: Firefox on Linux')
    expect(text).toContain(`Address: ${address}`)
    expect(text).toContain('Time: Nov 21, 2026, 04:05 UTC')
    expect(text).toContain('https://id.example.com/account')
  })

  it('reads the device in the direction of its language', () => {
    // Each name is isolated, the words between them are not
    expect(letter('new_device', 'ar').text).toMatch(/\u2068Firefox\u2069 \S+ \u2068Linux\u2069/)
    expect(letter('new_device', 'en', { device: '', address, at }).text).toContain('Device: Unknown device')
    expect(letter('new_device', 'en', { device: 'curl/8.1', address, at }).text).toContain('Device: curl')
  })

  it('escapes what strangers chose', () => {
    const hostile = `"><script>alert(1)</script><a href='https://evil.test'>`
    const { html } = letter('code', 'en', { code: '424242', minutes: '10', app: hostile, address: hostile })
    expect(html).not.toMatch(/<script|<a /)
    expect(html).toContain('&lt;script&gt;')
    const notice = letter('new_device', 'en', { device: hostile, address: hostile, at }).html
    expect(notice).not.toMatch(/<script|evil\.test'&gt;<|<a href="https:\/\/evil/)
  })

  it('is not turned or broken into lines by the name of an app', () => {
    const { text } = letter('code', 'en', {
      code: '424242',
      minutes: '10',
      app: 'Good\u202Elive\u2066\nPay here: 999999\u2028now',
    })
    expect(text).not.toMatch(/[\u202A-\u202E\u2028]/)
    expect(text).not.toMatch(/^Pay here/m)
    expect(text).not.toMatch(/^999999$/m)
  })
})

describe('the wait before the next try', () => {
  it('is 2 s · 2ⁿ up to 10 minutes, give or take a fifth', () => {
    expect([0, 1, 2, 8, 9, 40].map((tries) => waitMs(tries, 0.5))).toEqual(
      [2, 4, 8, 512, 600, 600].map((seconds) => seconds * 1000),
    )
    expect(waitMs(0, 0)).toBe(1_600)
    expect(waitMs(0, 1)).toBe(2_400)
  })
})
