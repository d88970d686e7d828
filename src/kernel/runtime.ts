// Owns the question whether this Node can run Foyer.

const oldest = [22, 12] as const

/** Throws a sentence that says what to do when Node is older than package.json's `engines` asks for. */
export function assertRuntime(version: string = process.versions.node): void {
  const [major = 0, minor = 0] = version.split('.').map(Number)
  if (major > oldest[0] || (major === oldest[0] && minor >= oldest[1])) return
  const wanted = oldest.join('.')
  throw new Error(
    `Foyer needs Node ${wanted} or newer and runs on ${version}: start it with npm start, which brings its own Node.`,
  )
}
