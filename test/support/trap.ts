// Owns a listener on every address of this machine that nothing may reach: it counts whoever connects.
import { type AddressInfo, createServer } from 'node:net'

export type Trap = Awaited<ReturnType<typeof openTrap>>

export async function openTrap() {
  let connections = 0
  const listener = createServer((socket) => {
    connections += 1
    socket.destroy()
  })
  await new Promise<void>((resolve) => listener.listen(0, '::', resolve))
  const { port } = listener.address() as AddressInfo
  return { port, connections: () => connections, close: () => listener.close() }
}
