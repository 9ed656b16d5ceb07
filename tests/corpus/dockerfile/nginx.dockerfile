FROM --platform=$TARGETPLATFORM debian:bookworm-slim
MAINTAINER NGINX Docker Maintainers <docker-maint@example.org>
ENV NGINX_VERSION   1.27.0
ENV PKG_RELEASE=1~bookworm NJS_VERSION="0.8.4"
RUN set -x \
    && groupadd --system --gid 101 nginx \
    && case "$(dpkg --print-architecture)" in \
        amd64|arm64) \
            echo "deb [signed-by=/k.gpg] https://nginx.org/packages/ bookworm nginx" >> /etc/apt/sources.list.d/nginx.list \
            ;; \
        *) \
# a comment at the margin
            echo "from source: $NGINX_VERSION" \
            ;; \
    esac
COPY ["docker-entrypoint.sh", "/"]
COPY 10-listen-on-ipv6-by-default.sh 20-envsubst-on-templates.sh /docker-entrypoint.d/
ENTRYPOINT ["/docker-entrypoint.sh"]
EXPOSE 80 443/tcp 443/udp 8000-8002
STOPSIGNAL SIGQUIT
CMD ["nginx", "-g", "daemon off;"]
