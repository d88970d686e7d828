// Owns the shape of teams and members: what callers may hand in and what they get.
import { z } from 'zod'
import type { PageOptions } from '../../kernel/pages.ts'

export type Team = { id: string; slug: string; name: string; description: string | null; createdAt: Date }

/** A team as one of its members sees it. */
export type Membership = { id: string; slug: string; name: string; role: string }

export type Member = { accountId: string; name: string | null; role: string; joinedAt: Date }

const Slug = z.string().max(64)
const Name = z.string().max(400)
const Description = z.string().max(4000)

/** Slug, name and description have rules of their own in the service. */
export const CreateTeam = z.strictObject({ slug: Slug, name: Name, description: Description.optional() })
export type CreateTeam = z.output<typeof CreateTeam>

/** What is absent stays; a description that is null goes. */
export const ChangeTeam = z.strictObject({
  slug: Slug.optional(),
  name: Name.optional(),
  description: Description.nullable().optional(),
})
export type ChangeTeam = z.output<typeof ChangeTeam>

/** The name of a built-in role, or of one of the team's own. */
export const RoleName = z.string().max(40)

export type OfTeam = { teamId: string }
export type OfMember = OfTeam & { accountId: string }
export type WithRole = OfMember & { role: string }
export type ListTeams = PageOptions & { search?: string }
export type ListMembers = OfTeam & PageOptions
