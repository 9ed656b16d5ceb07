# check=skip=StageNameCasing,jsonargsrecommended
FROM debian AS X
CMD echo
MAINTAINER me
