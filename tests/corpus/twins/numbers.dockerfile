# Numbers that the compiler works out itself, where one that computed in its own machine's would show: every width and format, rounding, functions of constants, large initialisers.
ARG BASE
FROM $BASE
WORKDIR /src
COPY <<"END" fold.c
#include <complex.h>
#include <math.h>
long double l[] = { 1.0L / 3, 0x1p-16445L, 1e4932L, -0.0L, 0.1L + 0.2f, (long double)(float)16777217, sqrtl(2), expl(1), sinl(1e22L), powl(10, 0.3L) };
double d[] = { 1.0 / 3, 4.9e-324, 1e308 * 10, 0.1 + 0.2, sin(1e22), cbrt(2), tgamma(5.5), lgamma(0.5), erf(0.3), jn(2, 1.5), fma(0.1, 10, -1), nearbyint(2.5), remainder(7, -3) };
float f[] = { 1.0f / 3, 1e-45f, 16777217, 3.4028236e38f, sinf(3), 0x1.fffffffep0f };
double _Complex c = (1.5 + 2 * I) / (0.1 - 3 * I);
_Float16 h[] = { 1.0f16 / 3, 65520, 6e-8f16 };
_Float128 q = 1.0f128 / 7;
double nans[] = { __builtin_nan("0x123"), __builtin_nans(""), -__builtin_inf(), 0.0 * __builtin_inf() };
__int128 wide = (__int128)0x123456789abcdef0 * -0x7edcba9876543210;
unsigned long long ints[] = { 1ull << 63, ~0ull / 3, (unsigned long long)1e19, (long)-1.5, (int)2147483647.9, '\xff', L'\x1f600', -7 / 2, -7 % 2, -9 >> 1 };
struct bits { unsigned a : 3; int b : 7; unsigned long long c : 40; } bits = { 5, -3, 0x123456789a };
int popcounts[] = { __builtin_popcountll(~0ull), __builtin_clz(1), __builtin_bswap32(0x12345678), __builtin_ffs(8), __builtin_parity(7) };
typedef int vec __attribute__((vector_size(32)));
vec v = (vec){ 1, 2, 3, 4, 5, 6, 7, 8 } * 3 - (vec){ 9 };
char *strings[] = { "\u00e4\U0001f600", u8"ä", (char *)u"ä€😀", (char *)U"😀", (char *)L"wide ä" };
double at_run(double x) { double s = 0; for (int i = 0; i < 20; i++) s += x * (1.0 / (i + 3)) - 0.7 * i; return s + d[3] * pow(1.1, 7); }
END
RUN for o in -O0 -O2 '-O3 -ffast-math' '-Os -frounding-math' '-O2 -fexcess-precision=standard -std=c17' '-O2 -fsingle-precision-constant' '-O2 -fwrapv -ftrapping-math -fsignaling-nans' '-O1 -funsigned-char -fshort-enums -fwide-exec-charset=UTF-16LE' '-O3 -ftree-vectorize -fno-math-errno'; do n=$(echo "$o" | tr -dc A-Za-z0-9); gcc -w $o -c fold.c -o "$n.o" 2> "$n.said"; gcc -w $o -S fold.c -o "$n.s" 2>> "$n.said"; done; sed '/_Float128\|_Float16\|__int128/d' fold.c > less.c; gcc -w -O2 -c less.c; gcc -w -O2 -S less.c; for f in *.o; do objdump -sj .data $f > $f.data; done; echo 'constexpr double f(double x, int n) { return n ? x * f(x, n - 1) + 0.1 : 1; } double v = f(1.1, 30); long double w = __builtin_sqrtl(f(1.3, 5)); static_assert(f(2, 1) > 2.09); auto big = 18446744073709551615ull / 10.0L;' > ce.cc; g++ -O2 -S ce.cc; printf '#if 0x7fffffffffffffff + 1 < 0\nwraps\n#endif\n#if -1 >> 1 == -1 && L'"'\\\\xff'"' > 0 && (2 || 1 / 0)\nyes\n#endif\n' > pre.c; gcc -E pre.c > pre.i 2> pre.said; printf '.data\n.double 0.1, 1e308\n.float 0.1\n.octa 0x123456789abcdef0123456789\n.quad 5 - 9 / 2, (1 << 40) %% 7\n.byte 300 & 255\n.sleb128 -129\n.uleb128 300\n' > n.s; as n.s -o n.o; objdump -sj .data n.o > n.dump; true
