
   # indented comment
 FROM   scratch   As   Empty-Stage  
	ADD --keep-git-dir=true --checksum=sha256:24454f830cdb571e2c4ad15481119c43b3cafd48dd869a9b2945d1036d1dc68d --unpack=false https://example.org/x.tar.gz#v1:sub /x
ADD --link a.tar.xz b/* [ab]?.txt "quoted name" /dst/
copy ["with blank", "and \u00e4", "/d"]
RUN \

  # comment between

  echo one \
  two\\
RUN ["not", json]
RUN [ "$HOME" = /root ] && echo yes
CMD []
ENTRYPOINT []
SHELL ["/bin/bash", "-o", "pipefail", "-c"]
LABEL a=b 'c d'="e f" g=
LABEL "multi.label"="x"
ENV a=1 b=$a c="$a b" d='$a' e=f\ g
ARG one two= three="x y" four=${a:-z}
VOLUME ["/a", "/b c"]
VOLUME /c /d
WORKDIR relative dir
STOPSIGNAL $SIG
HEALTHCHECK NONE
HEALTHCHECK CMD ["/bin/check", "-x"]
RUN --mount=type=tmpfs,target=/t,size=512m --mount=type=secret,id=k,env=KEY,required --mount=type=ssh,required=false,mode=0640,uid=1,gid=2 --security=insecure --device=vendor.com/gpu=all true
RUN -- --not-a-flag
RUN --network=none "--quoted"
MAINTAINER  me, myself  
EXPOSE 53/UDP $PORTS
