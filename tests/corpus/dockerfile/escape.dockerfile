# escape = `
# check=skip=JSONArgsRecommended,StageNameCasing;error=true
# an ordinary comment
FROM alpine
COPY a `
     b c:\dir\
RUN dir c:\ `
  && echo `` && echo 'a`b'
ENV X=a` b Y=c:\d
