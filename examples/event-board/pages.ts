// Owns what the pages say. What somebody may do is asked of person.ts, here only to leave out what would be refused.
import type { BoardEvent, Notice } from './board.ts'
import type { EventInput, Problems } from './forms.ts'
import { type Html, html } from './html.ts'
import { mayCancelEvent, mayCreateEvent, mayPostNotice, type Person, type TeamOfPerson } from './person.ts'

/** Of whoever looks: nobody in particular, or a person with the token of their forms. */
export type Viewer = {
  person: Person | undefined
  formToken: string
  flash: string | undefined
  path: string
}

type Body = { title: string; main: Html }

export function layout({ person, formToken, flash, path }: Viewer, { title, main }: Body): string {
  const account = person
    ? html`<span>${person.name}</span>
        ${person.teams.map(({ slug, name }) => html`<a href="/teams/${encodeURIComponent(slug)}">${name}</a>`)}
        ${form('/sign-out', formToken, html`<button class="quiet">Sign out</button>`)}`
    : html`<a class="button" href="/sign-in?${new URLSearchParams({ return_to: path }).toString()}">Sign in</a>`
  return html`<!doctype html>
<html lang="en" dir="ltr">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>${title} · Event board</title>
<link rel="stylesheet" href="/style.css">
<body>
<header><a class="home" href="/">Event board</a><nav aria-label="You">${account}</nav></header>
<main>
${flash !== undefined && html`<p class="flash" role="status">${flash}</p>`}
<h1>${title}</h1>
${main}
</main>
<footer>An example of an app that signs people in with Foyer.</footer>
</body>
</html>`.text
}

const form = (action: string, formToken: string, content: Html): Html =>
  html`<form method="post" action="${action}"><input type="hidden" name="form_token" value="${formToken}">${content}</form>`

export type Listed = { events: readonly BoardEvent[]; notices: readonly Notice[] }

export function homePage(viewer: Viewer, { events, notices }: Listed): string {
  const { person, formToken } = viewer
  const main = html`
${mayCreateEvent(person) && html`<p><a class="button" href="/events/new">New event</a></p>`}
<div class="columns">
<section><h2>What is on</h2>${eventList(events, person)}</section>
<section><h2>Notices</h2>${noticeList(notices)}
${mayPostNotice(person, null) && noticeForm('/notices', formToken)}</section>
</div>`
  return layout(viewer, { title: 'What shall we do?', main })
}

export function teamPage(viewer: Viewer, team: TeamOfPerson, { events, notices }: Listed): string {
  const main = html`
<p class="lead">You are here as ${team.role}. Only members of ${team.name} see this page.</p>
<div class="columns">
<section><h2>Among us</h2>${eventList(events, viewer.person)}</section>
<section><h2>Notices</h2>${noticeList(notices)}
${mayPostNotice(viewer.person, team.id) && noticeForm(`/teams/${encodeURIComponent(team.slug)}/notices`, viewer.formToken)}</section>
</div>`
  return layout(viewer, { title: team.name, main })
}

function eventList(events: readonly BoardEvent[], person: Person | undefined): Html {
  if (events.length === 0) return html`<p class="empty">Nothing yet.</p>`
  return html`<ul class="cards">${events.map(
    (event) => html`<li><a href="/events/${event.id}">
<strong>${event.title}</strong>
<span>${moment(event.startsAt)}, ${event.place}</span>
<span>${seats(event)}${event.people.some(({ sub }) => sub === person?.sub) && ' · you are in'}</span></a></li>`,
  )}</ul>`
}

function noticeList(notices: readonly Notice[]): Html {
  if (notices.length === 0) return html`<p class="empty">Nothing yet.</p>`
  return html`<ul class="notices">${notices.map(
    ({ text, by, at }) => html`<li><p>${text}</p><small>${by.name}, ${moment(at)}</small></li>`,
  )}</ul>`
}

const noticeForm = (action: string, formToken: string): Html =>
  form(
    action,
    formToken,
    html`<label>A notice<textarea name="text" rows="3" maxlength="500" required></textarea></label><button>Pin it up</button>`,
  )

export function eventPage(viewer: Viewer, event: BoardEvent): string {
  const { person, formToken } = viewer
  const isIn = event.people.some(({ sub }) => sub === person?.sub)
  const isFull = event.capacity !== null && event.people.length >= event.capacity
  const at = (action: string) => `/events/${event.id}/${action}`
  const main = html`
<p class="lead">${moment(event.startsAt)}, ${event.place}. Called by ${event.by.name}.</p>
${event.description !== '' && html`<p class="description">${event.description}</p>`}
<h2>${seats(event)}</h2>
<ul class="people">${event.people.map(({ name }) => html`<li>${name}</li>`)}</ul>
<div class="actions">
${person && isIn && form(at('leave'), formToken, html`<button class="quiet">Leave</button>`)}
${person && !isIn && !isFull && form(at('join'), formToken, html`<button>Join</button>`)}
${!person && html`<p>Sign in to join.</p>`}
${mayCancelEvent(person, event) && form(at('cancel'), formToken, html`<button class="danger">Call it off</button>`)}
</div>`
  return layout(viewer, { title: event.title, main })
}

export function newEventPage(
  viewer: Viewer,
  input: EventInput,
  problems: Problems<keyof EventInput>,
): string {
  const { person, formToken } = viewer
  const said = (name: keyof EventInput): Html =>
    html`${problems[name] !== undefined && html`<small class="problem" id="${name}-problem">${problems[name]}</small>`}`
  const marks = (name: keyof EventInput): Html =>
    html`${problems[name] !== undefined && html` aria-invalid="true" aria-describedby="${name}-problem"`}`
  const main = form(
    '/events',
    formToken,
    html`
<label>Title<input name="title" value="${input.title}" maxlength="100" required${marks('title')}>${said('title')}</label>
<label>When<input type="datetime-local" name="startsAt" value="${input.startsAt}" required${marks('startsAt')}>${said('startsAt')}</label>
<label>Where<input name="place" value="${input.place}" maxlength="100" required${marks('place')}>${said('place')}</label>
<label>Seats, if they are few<input type="number" name="capacity" min="1" max="10000" value="${input.capacity}"${marks('capacity')}>${said('capacity')}</label>
<label>What happens<textarea name="description" rows="5" maxlength="2000"${marks('description')}>${input.description}</textarea>${said('description')}</label>
<label>For<select name="team"${marks('team')}><option value="">everybody</option>${person?.teams.map(
      ({ slug, name }) =>
        html`<option value="${slug}"${input.team === slug && html` selected`}>${name}</option>`,
    )}</select>${said('team')}</label>
<button>Put it on the board</button>`,
  )
  return layout(viewer, { title: 'New event', main })
}

export const messagePage = (viewer: Viewer, title: string, words: string): string =>
  layout(viewer, { title, main: html`<p class="lead">${words}</p><p><a href="/">To the board</a></p>` })

const clock = new Intl.DateTimeFormat('en-GB', { dateStyle: 'full', timeStyle: 'short', timeZone: 'UTC' })

/** Taken as it was written: the board has one place and its clock. */
function moment(text: string): Html {
  const date = new Date(text.endsWith('Z') ? text : `${text}Z`)
  return html`<time datetime="${text}">${clock.format(date)}</time>`
}

function seats({ people, capacity }: BoardEvent): string {
  const coming = people.length === 1 ? '1 is coming' : `${people.length} are coming`
  return capacity === null ? coming : `${coming}, ${capacity} seats`
}
