// Owns the public files: their hashed addresses and how they are served.
// All of them are read, hashed and compressed at boot; a request is answered from memory.
import { hash } from 'node:crypto'
import { extname } from 'node:path'
import { brotliCompressSync, gzipSync, constants as zlib } from 'node:zlib'
import type Koa from 'koa'
import { folderCache, listFolder, readFolderFile } from '../platform/folder.ts'

const typeOf: Record<string, string> = {
  '.css': 'text/css; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.svg': 'image/svg+xml; charset=utf-8',
  '.txt': 'text/plain; charset=utf-8',
}

const prefix = '/assets/'

type Asset = { url: string; type: string; etag: string; plain: Buffer; gzip: Buffer; br: Buffer }

export type Assets = {
  /** The address of a public file; it changes with the file's content. */
  url(name: string): string
  middleware: Koa.Middleware
}

function readAsset(dir: string, path: string): Asset {
  const plain = readFolderFile(dir, path)
  const digest = hash('sha256', plain, 'hex').slice(0, 12)
  const extension = extname(path)
  return {
    url: `${prefix}${path.slice(0, path.length - extension.length)}.${digest}${extension}`,
    type: typeOf[extension] ?? 'application/octet-stream',
    etag: `"${digest}"`,
    plain,
    gzip: gzipSync(plain, { level: 9 }),
    br: brotliCompressSync(plain, { params: { [zlib.BROTLI_PARAM_SIZE_HINT]: plain.length } }),
  }
}

function readAssets(dir: string) {
  const assets = listFolder(dir).map((path) => [path, readAsset(dir, path)] as const)
  return {
    byName: new Map(assets),
    byUrl: new Map(assets.map(([, asset]) => [asset.url, asset] as const)),
  }
}

function send(ctx: Koa.Context, asset: Asset): void {
  ctx.set('Cache-Control', 'public, max-age=31536000, immutable')
  ctx.set('ETag', asset.etag)
  ctx.vary('Accept-Encoding')
  ctx.status = 200
  if (ctx.fresh) {
    ctx.status = 304
    return
  }
  ctx.type = asset.type
  const encoding = ctx.acceptsEncodings('br', 'gzip', 'identity')
  if (encoding === 'br' || encoding === 'gzip') {
    ctx.set('Content-Encoding', encoding)
    ctx.body = asset[encoding]
    return
  }
  ctx.body = asset.plain
}

export function createAssets(dir: string, { reload = false }: { reload?: boolean } = {}): Assets {
  const current = folderCache(dir, readAssets, reload)

  return {
    url(name) {
      const asset = current().byName.get(name)
      if (!asset) throw new Error(`There is no public file named ${name}`)
      return asset.url
    },
    async middleware(ctx, next) {
      const asset = ctx.path.startsWith(prefix) ? current().byUrl.get(ctx.path) : undefined
      if (!asset) return next()
      if (ctx.method !== 'GET' && ctx.method !== 'HEAD') return next()
      send(ctx, asset)
    },
  }
}
