// Owns the `flow` of a registration as this door hands it out: it remembers which API the tokens are for, since they
// are issued by a later request. It is the caller's own word, and is looked at again then.

/** Neither the flow nor base64url holds a dot. */
const separator = '.'

export function writeFlow(flow: string, resource: string | undefined): string {
  return resource === undefined ? flow : flow + separator + Buffer.from(resource).toString('base64url')
}

export function readFlow(text: string): { flow: string; resource?: string } {
  const at = text.indexOf(separator)
  if (at < 0) return { flow: text }
  const resource = Buffer.from(text.slice(at + 1), 'base64url').toString('utf8')
  return { flow: text.slice(0, at), resource }
}
