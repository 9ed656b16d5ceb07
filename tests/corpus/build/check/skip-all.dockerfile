# check=skip=all
FROM debian AS X
MAINTAINER me
