# awk: numbers that are none, large ones, functions of the mathematical library, the order of arrays; in both awks, from text and from a file.
ARG BASE
FROM $BASE
WORKDIR /src
COPY <<"END" signs.awk
BEGIN { print -log(-1), log(-1); x = -1; print sqrt(x) + 1 }
END
COPY <<"END" order.awk
{ for (i = 1; i <= NF; i++) count[$i]++; n[NR] = NF; m[NR / 3] = $1 }
END { for (w in count) print w, count[w]; for (i in n) print i, n[i]; for (i in m) print i, m[i] }
END
RUN for awk in mawk gawk; do { $awk 'BEGIN { print log(-1), -log(-1), exp(1.1), sin(2), 2 ^ 0.5, 2 ** 0.3, atan2(0, -1); printf "%.17g %.17g\n", exp(0.7), log(3) }'; $awk -f signs.awk; $awk 'BEGIN { printf "%d %d %i %u %x %o %c|\n", 1e30, -1e30, 2^53 + 1, -1, 2^40, 1e18, 256 + 65; print 1e300 * 1e10, -1e300 * 1e10, 2^63, 2^53 + 1, 0.1 + 0.2, 1 / 3, int(-3.9), 100000000000000000000, 1e6, 123456789012 }'; $awk 'BEGIN { x = 1e308 * 10; print x - x, x % 3, -x, 7 % -3, substr("hello", 0), substr("hello", -1, 3), index("a", "") }'; $awk 'BEGIN { srand(5); print rand(), rand(), int(rand() * 1000) }'; $awk -v a=1 -v b=2 'BEGIN { print a + b, length() , toupper("x"), "10" < "9", 1e3 "" }' ; printf 'nan inf -nan 0x1A\n' | $awk '{ print $1 + 1, $2 - $2, -$3, $4 + 0, $2 * 0 }'; } > $awk.said 2>&1; $awk -f order.awk /usr/share/common-licenses/GPL-3 /etc/passwd signs.awk > $awk.order; done; true
RUN for awk in mawk gawk; do $awk '{ print toupper($0) }' /proc/cpuinfo > $awk.cpu; $awk 'BEGIN { while ((getline line < "/proc/self/stat") > 0) print (line != "") }' > $awk.stat; $awk 'BEGIN { "uname -m" | getline m; print m; system("arch"); print ENVIRON["HOME"] }' > $awk.machine; done; gawk 'BEGIN { print PROCINFO["platform"], PROCINFO["version"] }' > procinfo; gawk '@load "filefuncs"; BEGIN { stat("/etc/passwd", s); print s["type"] }' > loaded 2>&1; gawk -l ordchr 'BEGIN { print chr(65) }' > loaded2 2>&1; gawk 'BEGIN { print strftime("%Y", 0, 1), and(12, 10), lshift(1, 40), strtonum("0x11"), (systime() > 0) }' > functions; gawk --lint 'BEGIN { print x }' > lint 2>&1; true
