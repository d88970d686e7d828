// Owns QR codes as pictures that a page carries in itself: nothing is fetched, and no script draws them.
import { renderSVG } from 'uqr'

/** As the address of an image. Black on white in every theme, with the quiet zone that cameras need (ISO/IEC 18004). */
export function qrImage(text: string): string {
  const svg = renderSVG(text, { ecc: 'M', border: 4 })
  return `data:image/svg+xml;base64,${Buffer.from(svg).toString('base64')}`
}
