# Libraries in the distribution's own folder that are not the distribution's: what is written then is theirs.
ARG BASE
FROM $BASE
WORKDIR /src
RUN echo 'int nothing;' > stub.c; cat /usr/share/common-licenses/GPL-3 > text; for name in libzstd.so.1 libpcre2-8.so.0 libbz2.so.1.0; do link=$(ls /usr/lib/*-linux-gnu*/$name); to=$(readlink $link); gcc -shared stub.c -Wl,-soname,$name -o stub.so; mv -f stub.so $link; zstd -q -c text > $name.zst 2> $name.said; echo $? >> $name.said; bzip2 -c text > $name.bz2 2>> $name.said; echo $? >> $name.said; grep -cP '\d+' text >> $name.said 2>&1; gcc -O1 -flto -frandom-seed=1 -c stub.c -o $name.o 2>> $name.said; gcc -g -gz=zstd -c stub.c -o $name.gz.o 2>> $name.said; gcc -c stub.c -o $name.plain.o 2> /dev/null; ln -sf $to $link; done; zstd -q text; bzip2 -k text; grep -cP '\d+' text > again; gcc -flto -frandom-seed=1 -c stub.c -o again.o; true
