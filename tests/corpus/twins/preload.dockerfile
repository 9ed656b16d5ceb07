# Libraries that are put into programs: LD_PRELOAD, fakeroot, /etc/ld.so.preload, LD_AUDIT, LD_LIBRARY_PATH and /usr/local/lib with a library of one's own, other name services.
ARG BASE
FROM $BASE
WORKDIR /src
COPY <<"END" pre.c
#define _GNU_SOURCE
#include <unistd.h>
uid_t geteuid(void) { return 4711; }
char *getcwd(char *b, size_t n) { (void)n; b[0] = '/'; b[1] = 'x'; b[2] = 0; return b; }
END
COPY <<"END" z.c
const char *zlibVersion(void) { return "mine"; }
END
RUN gcc -shared -fPIC pre.c -o pre.so && LD_PRELOAD=/src/pre.so id -u > id; LD_PRELOAD=/src/pre.so /bin/pwd > pwd; LD_PRELOAD= id -u >> id; LD_PRELOAD=/none.so true 2> none; LD_AUDIT=/src/pre.so true 2> audit; fakeroot sh -c 'chown 5:6 pre.c; ls -ln pre.c | cut -d" " -f3,4; tar --mtime=@0 -cf faked.tar pre.c; mknod null c 1 3; tar --mtime=@0 -cf null.tar null; id -u'  > fake 2>&1; fakeroot -u make -s -f - 2>&1 <<END >> fake; true
all:; @id -u; ls -ln pre.c | cut -d' ' -f3
END
RUN mkdir lib && gcc -shared -fPIC z.c -Wl,-soname,libpcre2-8.so.0 -o lib/libpcre2-8.so.0; echo x | LD_LIBRARY_PATH=/src/lib grep -P x > grep 2>&1; LD_LIBRARY_PATH=/src/lib gcc -c z.c 2> gcc; LD_LIBRARY_PATH=lib:. ls -d . > ls; LD_DEBUG=help true > debug 2>&1; true
RUN echo 'extra:x:4242:4242::/home/extra:/bin/sh' > /var/lib/extrausers/passwd; echo 'extra:x:4242:' > /var/lib/extrausers/group; touch a b; chown extra:extra a 2> before; ls -l a | cut -d' ' -f3,4 >> before; sed -i 's/^\(passwd\|group\):.*/\1: files extrausers/' /etc/nsswitch.conf; chown extra:extra b 2> after; ls -l b | cut -d' ' -f3,4 >> after; install -o extra pre.c c; tar --mtime=@0 -cf named.tar b c; find . -user extra | sort > found; id extra > id2; sh -c 'echo ~extra' > tilde; true
RUN cp lib/libpcre2-8.so.0 /usr/local/lib && ldconfig && echo x | grep -P x > local 2>&1; rm /usr/local/lib/libpcre2*; ldconfig; gcc -shared -fPIC pre.c -o /usr/lib/pre.so && echo /usr/lib/pre.so > /etc/ld.so.preload; id -u > id3 2>&1; /bin/pwd >> id3 2>&1; rm /etc/ld.so.preload; id -u >> id3; true
