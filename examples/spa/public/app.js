// Owns what is on the page. Whatever comes from elsewhere is set as text and never as HTML.
import { createFoyer, SignedOut } from './foyer.js'
import { encode } from './uqr.js'

const at = (id) => document.getElementById(id)
const { issuer, clientId, questApi } = await (await fetch('/config.json')).json()
const foyer = createFoyer({
  issuer,
  clientId,
  redirectUri: `${location.origin}/callback`,
  resource: 'urn:demo:quests',
  scopes: { userinfo: 'openid profile roles', api: 'openid roles quests:read quests:write' },
})

const element = (name, properties, ...children) => {
  const made = Object.assign(document.createElement(name), properties)
  made.append(...children)
  return made
}

/** A button that says what went wrong, and works again afterwards. */
function button(label, work, className = '') {
  const made = element('button', { type: 'button', className, textContent: label })
  made.addEventListener('click', () => {
    made.disabled = true
    attempt(work).finally(() => {
      made.disabled = false
    })
  })
  return made
}

async function attempt(work) {
  say('')
  try {
    await work()
  } catch (error) {
    if (error instanceof SignedOut) return showSignedOut(`You are signed out: ${error.message}`)
    const isAway = error instanceof TypeError || error.name === 'TimeoutError'
    say(isAway ? 'There is no answer. Try again soon.' : error.message)
  }
}

const say = (words) => {
  at('message').textContent = words
}

const api = (path, body) =>
  foyer.call('api', questApi + path, {
    ...(body && {
      method: 'POST',
      headers: { 'Content-Type': 'application/json' },
      body: JSON.stringify(body),
    }),
  })

function showSignedOut(words = '') {
  at('title').textContent = 'Small deeds, counted'
  at('account').replaceChildren()
  at('content').replaceChildren(
    element('p', { textContent: 'Do a quest, show your code to an organizer, and the points are yours.' }),
    button('Sign in', () => foyer.signIn()),
  )
  say(words)
}

async function showSignedIn() {
  const person = await foyer.userinfo()
  const parts = [await quests(), ...(person.roles?.includes('organizer') ? [checkIn()] : [])]
  at('title').textContent = `Hello, ${person.name ?? 'you'}`
  at('account').replaceChildren(button('Sign out', () => foyer.signOut(), 'quiet'))
  at('content').replaceChildren(...parts)
}

async function quests() {
  const [{ points }, { data }] = await Promise.all([api('/me/points'), api('/quests')])
  const list = data.map(({ id, title, points, done }) =>
    element(
      'li',
      {},
      element('span', { textContent: title }),
      element('small', { textContent: done ? 'done' : `${points} points` }),
      ...(done ? [] : [button('Show my code', () => showCode(id))]),
    ),
  )
  return element(
    'section',
    {},
    element('h2', { textContent: `You have ${points} points` }),
    element('ul', {}, ...list),
    element('output', { id: 'code' }),
  )
}

/** For a camera, and as text to copy. */
async function showCode(id) {
  const { token, expires_in: seconds } = await api(`/quests/${encodeURIComponent(id)}/check-in-code`, {})
  at('code').replaceChildren(
    element('p', { textContent: `For an organizer, within ${seconds} seconds:` }),
    qrOf(token),
    element('code', { textContent: token }),
  )
}

/** Drawn as one path: a square for each dark module. */
function qrOf(text) {
  const { data, size } = encode(text, { border: 4 })
  const squares = data.flatMap((row, y) => row.flatMap((isDark, x) => (isDark ? `M${x} ${y}h1v1h-1z` : [])))
  const [svg, path] = ['svg', 'path'].map((name) =>
    document.createElementNS('http://www.w3.org/2000/svg', name),
  )
  path.setAttribute('d', squares.join(''))
  svg.append(path)
  const attributes = { viewBox: `0 0 ${size} ${size}`, role: 'img', 'aria-label': 'QR code', class: 'qr' }
  for (const [name, value] of Object.entries(attributes)) svg.setAttribute(name, value)
  return svg
}

function checkIn() {
  const field = element('textarea', { rows: 4, maxLength: 2000, spellcheck: false })
  const send = button('Check in', async () => {
    const { quest, points } = await api('/check-ins', { token: field.value.trim() })
    field.value = ''
    say(`Checked in: ${quest}, ${points} points.`)
  })
  return element(
    'section',
    {},
    element('h2', { textContent: 'For organizers' }),
    element('label', {}, 'The code of somebody else', field),
    send,
  )
}

async function start() {
  const { pathname, search } = location
  if (pathname === '/callback') {
    // The code leaves the address bar and the history before anything else happens
    history.replaceState(null, '', '/')
    await foyer.finish(new URLSearchParams(search))
    return showSignedIn()
  }
  if (!foyer.wasSignedIn()) return showSignedOut()
  // After a reload the tokens are gone, and Foyer knows the browser. Forgotten first, so that this happens once
  foyer.forget()
  await foyer.signIn({ prompt: 'none' })
}

showSignedOut()
await attempt(start)
