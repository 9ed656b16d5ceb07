ARG a=1
RUN true
FROM alpine
