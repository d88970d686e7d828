// Improves what already works without it: shows a password on request, tells times in local time,
// copies a reference, and swallows an accidental second submit.

const live = document.createElement('p')
live.className = 'sr'
live.setAttribute('role', 'status')
document.body.append(live)

const button = (text) =>
  Object.assign(document.createElement('button'), { type: 'button', textContent: text })

for (const input of document.querySelectorAll('[data-reveal]')) {
  const [show, hide, shown, hidden] = input.dataset.reveal.split('|')
  const toggle = button(show)
  toggle.className = 'reveal'
  toggle.setAttribute('aria-controls', input.id)

  const set = (visible) => {
    input.type = visible ? 'text' : 'password'
    toggle.textContent = visible ? hide : show
  }
  toggle.onclick = () => {
    const visible = input.type === 'password'
    set(visible)
    live.textContent = visible ? shown : hidden
  }
  // Hidden again before it is sent, so that browsers do not remember it as plain text, and after Back.
  input.form.addEventListener('submit', () => set(false))
  addEventListener('pageshow', () => set(false))

  input.after(toggle)
}

for (const time of document.querySelectorAll('time[data-local]')) {
  const day = time.dataset.local === 'day' && { year: 'numeric', month: 'short', day: 'numeric' }
  time.textContent = new Date(time.dateTime).toLocaleString(document.documentElement.lang, {
    ...day,
    hour: 'numeric',
    minute: '2-digit',
  })
}

for (const text of document.querySelectorAll('[data-copy]')) {
  if (!navigator.clipboard) break
  const [copy, copied] = text.dataset.copy.split('|')
  const copier = button(copy)
  copier.className = 'text'
  copier.onclick = async () => {
    await navigator.clipboard.writeText(text.textContent)
    live.textContent = copier.textContent = copied
  }
  text.after(copier)
}

const sent = new WeakMap()
addEventListener('submit', (event) => {
  if (Date.now() - (sent.get(event.target) ?? 0) < 3000) event.preventDefault()
  else sent.set(event.target, Date.now())
})
addEventListener('pageshow', () => {
  for (const form of document.forms) sent.delete(form)
})
