#!/usr/bin/env build
# Syntax = docker/dockerfile:1
from alpine
run echo a \
  b

Cmd ["x"]
