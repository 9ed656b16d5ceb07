FROM alpine
RUN --network=hots x
