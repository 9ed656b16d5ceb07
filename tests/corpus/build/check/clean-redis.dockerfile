# Redis from source, on Debian.
ARG DEBIAN=trixie
FROM debian:${DEBIAN} AS build
ARG VERSION=7.0.15
ENV DEBIAN_FRONTEND=noninteractive LC_ALL=C.UTF-8
RUN apt-get update \
 && apt-get install -y --no-install-recommends \
      # the tool chain
      build-essential \
      pkg-config \
 && rm -rf /var/lib/apt/lists/*
WORKDIR /src
COPY redis-${VERSION}/ ./
RUN make -j"$(nproc)" MALLOC=libc

FROM debian:${DEBIAN}
LABEL org.opencontainers.image.title="redis" \
      org.opencontainers.image.description="an in-memory \"database\""
RUN groupadd -r -g 999 redis && useradd -r -g redis -u 999 redis
COPY --from=build --chown=redis:redis /src/src/redis-server /src/src/redis-cli /usr/local/bin/
COPY redis.conf /etc/redis/redis.conf
VOLUME /data
WORKDIR /data
USER redis
EXPOSE 6379
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=30s --timeout=3s --start-period=1m30s --retries=5 CMD redis-cli ping || exit 1
ENTRYPOINT ["redis-server"]
CMD ["/etc/redis/redis.conf"]
