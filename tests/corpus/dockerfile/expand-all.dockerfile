ARG VERSION=1
FROM --platform=$PLATFORM image:${VERSION%.*}-${DIR##*/} AS x
RUN --mount=type=cache,target=$DIR/cache,uid=$USER_ID --mount=type=$TYPE,target=/t echo $VERSION
COPY --chown=$USER_ID:${USER_ID} --chmod=$MODE --exclude=$DIR/*.o src-$VERSION \$VERSION ${DIR}/
COPY <<EOF <<'RAW' $DIR
$VERSION ${EMPTY:-none} "quoted" 'single' \$VERSION \\ \n
EOF
$VERSION
RAW
COPY ["src $VERSION", "$DIR/"]
COPY "src one" $DIR
ENV $DIR=$VERSION A="$VERSION and $EMPTY" B='$VERSION'
ENV legacy $VERSION   "x"
ENV $EMPTY=1
LABEL version=$VERSION "a b"="c $DIR"
ARG v=$VERSION w
EXPOSE $PORTS 9
EXPOSE $DIR
VOLUME $DIR/data
VOLUME $EMPTY
USER ${USER_ID}:${UNSET:-0}
WORKDIR ${DIR}/$VERSION
STOPSIGNAL ${SIG}
STOPSIGNAL ${UNSET:?give a signal}
ADD --checksum=$SUM https://example.org/$VERSION.tar .
CMD echo $VERSION
ENTRYPOINT ["$VERSION"]
HEALTHCHECK CMD $VERSION
ONBUILD RUN $VERSION
