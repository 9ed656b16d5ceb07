FROM alpine
COPY --chowm=1 a b
