# syntax=docker/dockerfile:1
FROM alpine:3.20
ARG APK_MIRROR=dl-cdn.alpinelinux.org
RUN sed -i "s/dl-cdn.alpinelinux.org/${APK_MIRROR}/g" /etc/apk/repositories \
    && apk add --no-cache build-base linux-headers
COPY redis /src
RUN make -C /src && make -C /src install
COPY redis.conf /etc/redis.conf
CMD ["redis-server", "/etc/redis.conf"]
