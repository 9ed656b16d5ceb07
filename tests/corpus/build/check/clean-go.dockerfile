#syntax=docker/dockerfile:1.7
FROM --platform=$BUILDPLATFORM golang:1.22-alpine AS Base
WORKDIR /src
ENV CGO_ENABLED=0
RUN --mount=type=cache,target=/go/pkg/mod \
    --mount=type=bind,source=go.sum,target=go.sum \
    --mount=type=bind,source=go.mod,target=go.mod \
    go mod download -x

FROM base AS build
ARG TARGETOS TARGETARCH
RUN --mount=target=. --mount=type=cache,target=/go/pkg/mod,sharing=locked --mount=type=cache,id=build-$TARGETARCH,target=/root/.cache/go-build \
    GOOS=$TARGETOS GOARCH=$TARGETARCH go build -o /out/app ./cmd/app

FROM scratch AS bin
COPY --link --from=build /out/app /app
ENTRYPOINT ["/app"]
