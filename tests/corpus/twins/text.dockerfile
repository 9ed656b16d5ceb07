# Text tools: sorting in several locales, large numbers, patches, m4, bison, flex, re2c, sums.
ARG BASE
FROM $BASE
WORKDIR /src
RUN echo 'de_DE.UTF-8 UTF-8' > /etc/locale.gen; echo 'de_DE ISO-8859-1' >> /etc/locale.gen; echo 'tr_TR.UTF-8 UTF-8' >> /etc/locale.gen; locale-gen > /dev/null 2>&1 || true
RUN printf '%s\n' Zebra apfel Ärger ärger zoo _x .y 10 9 1e3 0x10 -5 +5 nan inf 1.00000000000000000001 1 1.00000000000000000002 ISTANBUL istanbul > words; for l in C POSIX C.UTF-8 de_DE.UTF-8 de_DE tr_TR.UTF-8 xx_XX.UTF-8; do for o in '' -n -g -V -h -f -k1g --sort=general-numeric --gen -R0; do LC_ALL=$l sort $o words > sort.$l.$o 2>&1; done; LC_ALL=$l ls > ls.$l; LC_ALL=$l sed 's/.*/\U&/' words > upper.$l; LC_ALL=$l grep -ci 'I' words > grep.$l; LC_ALL=$l date -d @0 > date.$l; LC_ALL=$l printf '%s\n' words; LC_ALL=$l wc -mL words > wc.$l; LC_ALL=$l gawk '{ print toupper($0), length }' words > gawk.$l; LC_ALL=$l ls nothing 2> error.$l; LC_ALL=$l bash -c 'printf "%.2f\n" 1,5 1.005; [[ ä == [a-z] ]]; echo $?' > bash.$l 2>&1; done; LANG=de_DE.UTF-8 OUTPUT_CHARSET=ISO-8859-1 ls nothing 2> charset; true
RUN expr 9223372036854775807 + 1 > expr; expr 12345678901234567890 '*' 98765432109876543210 >> expr; seq 1.1 0.7 4 > seq; seq -f %.20g 3 > seqf; printf '%.3f %.20f %a %d\n' 1.0005 0.1 0.3 0x7fffffffffffffff > printf; numfmt --to=iec 123456789 > numfmt; od -tfD -tx4 -An words | head -3 > od; factor 1234567890123456789 > factor; for s in md5sum sha1sum sha512sum b2sum cksum sum; do $s words > $s; done; cksum -a crc32b words > crc 2>&1; split -n l/3 words part.; csplit -sz words /10/; shuf --random-source=words words > shuf; truncate -s 5G sparse; ls -lhs --time-style=+x sparse > lsh; stat -c '%s %a %U %F %b' words > stat; rm sparse; sort words | uniq -c | join - words > joined 2>&1; ptx words > ptx; pr -l20 -h x -D x words > pr; fmt -w 30 /usr/share/common-licenses/BSD > fmt; base64 words > b64; date -d '1999-12-31 +90 days' +%G-%V-%j > date1; date -d @253402300799 -u > date2; touch -d @4294967296.123456789 far; stat -c %.9Y far > far.time; nproc > nproc; dd if=words of=dd bs=7 count=3 conv=swab,ucase 2>/dev/null; tsort <<END > tsorted
a b b c d b
END
RUN sed 's/apfel/Apfel/;5d' words > words2; diff -u --label a --label b words words2 > p; diff -y -W 60 words words2 > side; diff3 words words2 /dev/null > three 2>&1; cp words w; patch w p > patched && cmp w words2; patch -R --dry-run w p > reversed; grep -nPo '\d+(?=0)' words > pcre; sed -nE '/([0-9])\1/p; $=' words > sed.out; m4 -DN=3 <<'END' > m4.out; find /usr/include -name 'std*.h' -printf '%p %s %m %u %d %y\n' | sort > found; find . -name 'sort*' -print0 | xargs -0 -n 7 echo > xargs; seq 30000 | xargs echo | wc -l > lines; getopt -o ab: --long x,y: -- -a --y=1 -b c d > getopt; true
divert(1)eval(2**31 - 1 + 1) eval(`0xff & 10', 2) format(`%.10f %g', 1.1, 1e100) len(`abc')
divert(0)define(`f', `ifelse($1, 0, 1, `eval($1 * f(decr($1)))')')f(12) esyscmd(`uname -m') syscmd(`arch') translit(`abc', `a-c', `A-C')
END
COPY <<"END" g.y
%token NUM
%left '+'
%%
all: all '+' all | NUM;
END
COPY <<"END" l.l
%option noyywrap
%%
[0-9]+	return 1;
[ \t\n]	;
.	return *yytext;
END
COPY <<"END" r.re
int lex(const char *s) { const char *YYCURSOR = s, *YYMARKER; 
/*!re2c re2c:define:YYCTYPE = char; re2c:yyfill:enable = 0; [0-9]+ { return 1; } "if" { return 2; } * { return 0; } */ }
END
COPY <<"END" mk
$(info $(MAKE_HOST) $(MAKE_VERSION) $(origin CC) $(CC) $(shell uname -m) $(.FEATURES) $(word 2,$(sort c b a)) $(MAKE))
all:; @echo $(MAKE_HOST) $$MAKE_HOST $(MAKEFLAGS) $(.LIBPATTERNS); env | sort | grep -v '^_='
END
RUN bison -o p.c --header=p.h --graph=p.gv --html=p.html -rall -v -Wcounterexamples g.y 2> bison.said; bison --print-datadir > datadir; flex -o l.c l.l; flex -Cf -+ -o l.cc l.l; re2c --no-generation-date r.re -o r.c; re2c --no-generation-date -D r.re -o r.dot; make -s -f mk > make.out; make -p -f mk > make.db 2>&1; sed -i '/^#.*[0-9][0-9]:[0-9][0-9]/d;/hash-table\|pid\|PPID\|inode/d' make.db; make -s -n -e -f mk MAKE_HOST=own > make.own; MAKE_HOST=env make -s -f mk > make.env; true
