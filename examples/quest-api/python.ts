// Finds a Python that has what the API needs, and names the Debian packages that bring what is missing.
import { spawnSync } from 'node:child_process'

const packages: Record<string, string> = {
  fastapi: 'python3-fastapi',
  httpx: 'python3-httpx',
  jwt: 'python3-jwt',
  uvicorn: 'python3-uvicorn',
  cryptography: 'python3-cryptography',
}

type Found = { python: string; missing?: undefined } | { python?: undefined; missing: string }

const question = `
import importlib.util, json
print(json.dumps([name for name in ${JSON.stringify(Object.keys(packages))} if not importlib.util.find_spec(name)]))
`

/** The modules that a Python lacks; nothing when there is no such Python. */
function lacks(python: string): string[] | undefined {
  const { status, stdout } = spawnSync(python, ['-c', question], { encoding: 'utf8' })
  return status === 0 ? JSON.parse(stdout) : undefined
}

/** `{ python }` of one that has everything, else `{ missing }`: a sentence that says what to install. */
export function findPython(): Found {
  const { PYTHON } = process.env
  // Another Python may come first on the PATH than the one that Debian's packages belong to
  const candidates = PYTHON ? [PYTHON] : ['python3', '/usr/bin/python3']
  let fewest: string[] | undefined
  for (const python of candidates) {
    const missing = lacks(python)
    if (missing?.length === 0) return { python }
    if (missing && missing.length <= (fewest?.length ?? Infinity)) fewest = missing
  }
  const wanted = (fewest ?? Object.keys(packages)).map((name) => packages[name]).join(' ')
  return { missing: `${fewest ? '' : 'there is no Python; '}install Debian's ${wanted}` }
}
