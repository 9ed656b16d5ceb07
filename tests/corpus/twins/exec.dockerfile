# The many ways to start a program: names, links, descriptors, lists that are empty or long, closed standard files, other users.
ARG BASE
FROM $BASE
WORKDIR /src
COPY <<"END" go.c
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
int main(int argc, char **argv)
{
	char **many = calloc(100002, sizeof *many), *none[] = { NULL }, *empty[] = { "", "x", NULL };
	int fd = open("/bin/echo", O_PATH | (argc > 2 ? O_CLOEXEC : 0));
	for (int i = 0; i < 100001; i++) many[i] = i ? "a" : "echo";
	if (!strcmp(argv[1], "many")) execv("/bin/echo", many);
	if (!strcmp(argv[1], "empty")) execv("/bin/echo", empty);
	if (!strcmp(argv[1], "none")) execve("/usr/bin/env", none, none);
	if (!strcmp(argv[1], "fexecve")) fexecve(fd, (char *[]){ "odd", "by", "descriptor", NULL }, environ);
	if (!strcmp(argv[1], "at")) execveat(fd, "", (char *[]){ "odd", "at", NULL }, environ, AT_EMPTY_PATH);
	if (!strcmp(argv[1], "closed")) { close(0); close(1); close(2); execl("/bin/touch", "touch", "closed-ran", NULL); }
	if (!strcmp(argv[1], "closed0")) { close(0); execl("/bin/ls", "ls", "-l", "/proc/self/fd/", NULL); }
	if (!strcmp(argv[1], "long")) { char *s = malloc(100001); memset(s, 'y', 100000); s[100000] = 0; execl("/bin/echo", "echo", s, NULL); }
	return 9;
}
END
RUN gcc -O1 go.c -o go; for n in many empty none fexecve at closed long; do ./go $n > $n 2> $n.err; echo "$n $?" >> codes; done; ./go fexecve cloexec > cloexec 2>&1; ./go at cloexec >> cloexec 2>&1; echo $? >> codes; (exec 5</bin/echo; /proc/self/fd/5 hello) > by-fd 2>&1; cat codes
RUN (cd /usr/bin && ./env -i ./echo relative) > relative; ln -s /usr/bin/sort mysort; echo b | ./mysort > linked; cp /bin/sort copied; printf 'b\na\n' | ./copied > copied.out; ln /bin/cat hard 2>/dev/null || cp /bin/cat hard; ./hard go.c > hard.out; bash -c 'exec -a wrong ls --nonsense' 2> argv0; bash -c 'exec -a "" ls --nonsense' 2> argv0.empty; bash -c 'exec -a - sh -c "echo \$0"' > login; sh -c 'echo $0' zero > zero; PATH=/usr/bin:. mysort /dev/null; env -i /bin/sh -c 'set; env' | grep -v PPID > bare; env -i A=1 A=2 =x B= /usr/bin/env > doubled 2>&1; for i in 0 1 2; do eval "cat $i>&- < go.c > closed.$i" 2> /dev/null; done; ls /nothing > code 2>&1; echo $? >> code; grep -q zzz go.c; echo $? >> code; sh -c 'kill -9 $$'; echo $? >> code; sh -c 'trap "" PIPE; yes | head -1' >> code; (trap '' TERM; sh -c 'trap') >> code 2>&1; nohup true >> code 2>&1; timeout 0.1 sleep 5; echo $? >> code; timeout -s KILL 0.1 tail -f /dev/null; echo $? >> code; nice -n 5 nice >> code; umask 027; mkdir masked; touch masked/file; (umask; umask -S) >> code; true
RUN useradd -m bob; install -m 711 /bin/cat secret; install -m 4755 /usr/bin/id set-id; install -m 4711 /bin/ls /src/set-ls; chmod 755 /src; su bob -c 'id; cd; touch mine; ls -l mine | cut -c1-20; /src/secret /etc/hostname > copy; /src/set-id -un; /src/set-ls /root >/dev/null && echo lists' > bob 2>&1; echo 'bob ALL=(ALL) NOPASSWD: ALL' > /etc/sudoers.d/bob; su bob -c 'sudo -n id -un; sudo -n sh -c "id -un; echo x > /root/by-sudo"; cat /root/by-sudo' >> bob 2>&1; sudo -u bob make -f /dev/null -n nothing >> bob 2>&1; setpriv --reuid=1000 --regid=1000 --clear-groups id -u >> bob 2>&1; chown bob:bob go.c; tar --sort=name --mtime=@0 -cf owned.tar go.c; sed -i 's/at.*//' /dev/null; true
USER bob
WORKDIR /home/bob
RUN id > id; echo ok > file; /src/secret file > copy 2>&1; gcc -x c - -o hi <<END
int main(void) { return 0; }
END
