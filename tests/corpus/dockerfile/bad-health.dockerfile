FROM alpine
HEALTHCHECK --interval=1s curl localhost
