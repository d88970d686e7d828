// Owns whom a certificate names, held against what a client registered (RFC 8705 §2.1.2): byte for byte, never by
// pattern.
import type { X509Certificate } from 'node:crypto'
import type { SubjectMember } from '../features/clients/security-schema.ts'

const labels: Record<Exclude<SubjectMember, 'tls_client_auth_subject_dn'>, string> = {
  tls_client_auth_san_dns: 'DNS',
  tls_client_auth_san_uri: 'URI',
  tls_client_auth_san_ip: 'IP Address',
  tls_client_auth_san_email: 'email',
}

export function subjectFits(certificate: X509Certificate, member: SubjectMember, expected: string): boolean {
  if (member === 'tls_client_auth_subject_dn') return isSameName(certificate.subject, expected)
  return namesOf(certificate.subjectAltName).includes(`${labels[member]}:${expected}`)
}

/** Node writes them in one line; a value with a character that could mislead is a JSON string there. */
function namesOf(text = ''): string[] {
  const names = text.match(/[A-Za-z ]+:(?:"(?:[^"\\]|\\.)*"|[^,]*)/g) ?? []
  return names.map((name) => {
    const at = name.indexOf(':') + 1
    const value = name.slice(at)
    return name.slice(0, at).trimStart() + (value.startsWith('"') ? String(JSON.parse(value)) : value)
  })
}

/** RFC 4514 writes the most specific part first, certificates (and Node, one part a line) the least specific. */
function isSameName(subject: string | undefined, expected: string): boolean {
  const parts = expected.match(/(?:[^,\\]|\\.)+/g) ?? []
  const written = parts.map((part) => part.trim()).reverse()
  return subject !== undefined && written.length > 0 && subject === written.join('\n')
}
