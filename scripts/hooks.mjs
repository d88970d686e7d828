// Points git at .githooks, so that `npm ci` sets up the pre-commit check. Silent outside a checkout.
import { spawnSync } from 'node:child_process'
import { existsSync } from 'node:fs'

if (existsSync('.git')) spawnSync('git', ['config', 'core.hooksPath', '.githooks'], { stdio: 'ignore' })
