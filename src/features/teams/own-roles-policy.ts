// Owns what may be said of a role that is not built in: its name, what it holds, how it is described.
import { type FieldError, invalidInput } from '../../kernel/errors.ts'
import { isShowable } from '../../kernel/shown-text.ts'
import { isInstanceRole, isTeamRole } from './policy.ts'
import type { ChangeRole } from './schema.ts'

const nameShape = /^[a-z][a-z0-9_-]{0,39}$/
const permissionShape = /^[a-z][a-z0-9_.:-]{0,79}$/
const mostPermissions = 50
const longestDescription = 400

/** Of a team, or of the whole installation: built-in names are taken. */
export function readRoleName(name: string, home: 'team' | 'installation'): string {
  const isTaken = home === 'team' ? isTeamRole(name) : isInstanceRole(name)
  if (nameShape.test(name) && !isTaken) return name
  const detail = 'Use lower-case letters, digits, hyphens and underscores, and no name of a built-in role.'
  throw invalidInput([{ pointer: '/name', code: 'role_name_invalid', detail }])
}

export function readRoleSet(input: ChangeRole): ChangeRole {
  const { permissions, description } = input
  const errors: FieldError[] = []
  if (permissions && (permissions.length > mostPermissions || !permissions.every(isPermissionName))) {
    const detail = `Name at most ${mostPermissions} permissions, such as quests:verify.`
    errors.push({ pointer: '/permissions', code: 'permission_invalid', detail })
  }
  if (description && (description.length > longestDescription || !isShowable(description))) {
    const detail = `Describe it in at most ${longestDescription} characters.`
    errors.push({ pointer: '/description', code: 'description_invalid', detail })
  }
  if (errors.length > 0) throw invalidInput(errors)
  return {
    ...(permissions && { permissions: [...new Set(permissions)].sort() }),
    ...(description !== undefined && { description: description || null }),
  }
}

const isPermissionName = (text: string): boolean => permissionShape.test(text)
