FROM alpine
CMD --mount=type=cache x
