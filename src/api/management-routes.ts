// Owns the list of all routes of the management API: what is not here is not there.
import { type ApiRoutesDeps, apiRoutes } from './apis.ts'
import { type ClientRoutesDeps, clientRoutes } from './clients.ts'
import { type EventRoutesDeps, eventRoutes } from './events.ts'
import { type InvitationRoutesDeps, invitationRoutes } from './invitations.ts'
import { type JoinCodeRoutesDeps, joinCodeRoutes } from './join-codes.ts'
import { type KeyRoutesDeps, keyRoutes } from './keys.ts'
import { type RecordRoutesDeps, recordRoutes } from './records.ts'
import { type RoleRoutesDeps, roleRoutes } from './roles.ts'
import type { Route } from './route.ts'
import { type SessionRoutesDeps, sessionRoutes } from './sessions.ts'
import { type TeamRoutesDeps, teamRoutes } from './teams.ts'
import { type UpstreamRoutesDeps, upstreamRoutes } from './upstreams.ts'
import { type UserPartRoutesDeps, userPartRoutes } from './user-parts.ts'
import { type UserRoutesDeps, userRoutes } from './users.ts'
import { type WebhookRoutesDeps, webhookRoutes } from './webhooks.ts'

export type ManagementDeps = UserRoutesDeps &
  UserPartRoutesDeps &
  SessionRoutesDeps &
  TeamRoutesDeps &
  InvitationRoutesDeps &
  JoinCodeRoutesDeps &
  RoleRoutesDeps &
  ClientRoutesDeps &
  ApiRoutesDeps &
  UpstreamRoutesDeps &
  RecordRoutesDeps &
  KeyRoutesDeps &
  EventRoutesDeps &
  WebhookRoutesDeps

/** Nothing is asked of the services before a request comes. */
export const managementRoutes = (deps: ManagementDeps): Route[] => [
  ...userRoutes(deps),
  ...userPartRoutes(deps),
  ...sessionRoutes(deps),
  ...teamRoutes(deps),
  ...invitationRoutes(deps),
  ...joinCodeRoutes(deps),
  ...roleRoutes(deps),
  ...clientRoutes(deps),
  ...apiRoutes(deps),
  ...upstreamRoutes(deps),
  ...recordRoutes(deps),
  ...keyRoutes(deps),
  ...eventRoutes(deps),
  ...webhookRoutes(deps),
]
