# What shells read beyond their own text: files that they source, functions, here-documents, process substitution; and commands that print all that a shell knows.
ARG BASE
FROM $BASE
WORKDIR /src
COPY <<"END" settings
type=${BASH_VERSINFO[5]}; float=$(printf '%.30f' 0.1); cpu=$(head -1 </proc/cpuinfo)
END
COPY --chmod=755 <<"END" first
#!/bin/bash
f=settings; . ./$f; echo "$type $float $cpu"; source settings; echo "$type"
END
COPY --chmod=755 <<"END" second
#!/bin/bash
. /src/settings && echo "$type $float"
END
COPY --chmod=755 <<"END" third
#!/bin/sh
f=plain; . ./$f; echo "$cpu"; . ./other
END
RUN echo 'read -r cpu </proc/cpuinfo' > plain; echo 'ulimit -v 3000000; ulimit -v' > other; ./first > first.out; ./second > second.out; ./third > third.out; for c in set declare readonly export typeset 'declare -r' 'readonly -p' help 'help set' 'bind -v' alias shopt 'set -o' 'local' 'compgen -v' 'declare -x' 'echo "${!BASH_@} ${BASH_VERSINFO[@]}"' 'echo ${BASH_VERSINFO@A}'; do bash -c "$c" 2>&1 | grep -v '^_=\|PPID\|BASHPID\|RANDOM\|SECONDS\|EPOCH\|^declare.* _=\|SRANDOM' > "bash.$(echo $c | tr -dc a-z-)"; (echo '#!/bin/bash'; echo "x=1; ($c) | cat") > run; chmod +x run; ./run 2>&1 | grep -v '^_=\|PPID\|BASHPID\|RANDOM\|SECONDS\|EPOCH\|^declare.* _=' > "run.$(echo $c | tr -dc a-z-)"; done; for c in set export 'export -p' readonly alias umask 'type set' 'trap' hash jobs; do sh -c "x=1; $c" 2>&1 | grep -v PPID > "sh.$(echo $c | tr -d ' ')"; done; true
SHELL ["/bin/bash", "-O", "extglob", "-c"]
RUN diff <(sort first) <(sort second) > substituted; cat <<<"$(( 7 ** 3 ))" > string; coproc cat; echo hi >&"${COPROC[1]}"; read -r x <&"${COPROC[0]}"; echo "$x" > coproc; exec {fd}>by-fd; echo "$fd" >&$fd; a=(z y [7]=x); a+=(w); echo "${!a[@]} ${a[@]@Q}" > array; declare -A h=([one]=1 [two]=2 [three]=3 [four]=4 [five]=5); echo "${!h[@]}" > hash; printf -v v '%05d|%-8s|%q|%b|%x' 42 ab 'a b' 'x\ty' 255; echo "$v" > printf; mapfile -t lines < first; echo "${#lines[@]}" > mapfile; (PS4='+$LINENO ' ; set -x; : one; let x=1+2) 2> traced; [[ abc123 =~ ([a-z]+)([0-9]+) ]] && echo "${BASH_REMATCH[@]}" > rematch; shopt -s globstar nullglob extglob; echo **/!(x*) | tr ' ' '\n' | sort > /tmp/glob; mv /tmp/glob glob; trap 'echo leaving > trapped' EXIT; printf '%(%Y)T\n' 0 > year; echo {a..e}{1..3} ~root ${v^^} ${v//[0-9]/N} ${v:2:3} > expanded; select s in a b; do echo $s; break; done <<< 2 > select 2>&1; getopts ab: o -b x; echo $o $OPTARG > getopts; caller > caller; time true 2> /dev/null; ulimit -c > core; echo $- $SHLVL $BASH_SUBSHELL > flags; history > history
