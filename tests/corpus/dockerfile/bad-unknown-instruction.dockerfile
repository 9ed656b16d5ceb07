FROM alpine
RUN true
RUNN echo hi
CMD ["x"]
