ARG NODE_VERSION=20
FROM node:${NODE_VERSION}-alpine as deps
WORKDIR /app
COPY package.json package-lock.json* ./
RUN --mount=type=secret,id=npmrc,target=/root/.npmrc --mount=type=ssh --network=host npm ci
FROM node:${NODE_VERSION}-alpine
COPY --from=0 /app/node_modules ./node_modules
COPY --exclude=*.md --exclude=test/** --chmod=u=rwX,go=rX . .
ENV NODE_ENV production
ONBUILD COPY . /app
ONBUILD RUN npm run build
USER node
CMD npm start
