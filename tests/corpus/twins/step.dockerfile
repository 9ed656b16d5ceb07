# Programs that come, go or change within one step: installed and used at once, upgraded and downgraded, removed.
ARG BASE
FROM $BASE
WORKDIR /src
RUN dpkg --remove --force-depends m4 bison > /dev/null; m4 --version > gone 2>&1; apt-get update -q > /dev/null && apt-get install -y -q --no-install-recommends m4 > /dev/null && echo 'eval(6 * 7)' | m4 > answer && cat answer; rm -rf /var/lib/apt/lists/* /var/lib/dpkg/*-old
RUN update-alternatives --install /usr/local/bin/gcc gcc /usr/bin/gcc-13 10 > /dev/null; echo 'int n = __GNUC__;' > a.c; gcc -S a.c -o thirteen.s; update-alternatives --install /usr/local/bin/gcc gcc /usr/bin/gcc-14 20 > /dev/null; gcc -S a.c -o fourteen.s; gcc --version > version; update-alternatives --set gcc /usr/bin/gcc-13 > /dev/null; gcc -S a.c -o again.s; dpkg --remove --force-depends gcc-14 > /dev/null; cc -S a.c -o by-cc.s 2> by-cc; gcc-14 -S a.c 2>> by-cc; gcc -c a.c; rm -rf /var/lib/dpkg/*-old; true
