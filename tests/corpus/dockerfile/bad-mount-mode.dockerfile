FROM alpine
RUN --mount=type=cache,target=/x,mode=0888 true
