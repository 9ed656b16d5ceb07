ARG BASE=debian TAG
FROM --platform=linux/amd64 ${BAES}:${TAG} AS Builder
from --platform=$TARGETPLATFORM debian as builder
workdir app
WORKDIR /abs
WORKDIR rel
Run echo \

  hi
ENV name value
LABEL one two
MAINTAINER me
CMD echo one
HEALTHCHECK CMD a
HEALTHCHECK CMD b
CMD ["two"]
ARG AWS_SECRET_ACCESS_KEY PUBLIC_KEY=1 monkey
ENV GITHUB_TOKEN=x
EXPOSE 80/TCP 127.0.0.1:81:81
FROM ${TAG} AS scratch
FROM scratch AS linux
ARG VERSION=1
COPY a-$VERSOIN /$OTHER/${OTHER2:-x}
FROM builder as child
WORKDIR again
ENTRYPOINT exec x
FROM --platform=linux/riscv64 debian AS build-riscv64
SHELL ["/bin/bash", "-c"]
CMD fine
ENV P=$JAVA_HOME N=$P2 NAME=1
ENV Q=$NMAE R=${name:-x}
