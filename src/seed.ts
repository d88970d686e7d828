// The seeding process: makes the demo beside the server that asked for it, see demo.ts.
import { readEnvironment } from './config/load.ts'
import { seedHere } from './demo.ts'
import { openServices } from './services.ts'

const config = readEnvironment()
const services = await openServices(config, { role: 'guest' })
try {
  await services.db.unhurried(() => seedHere(config, services))
} finally {
  await services.close()
}
