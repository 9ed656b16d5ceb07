/* Says which machine it was compiled for, and which one it runs on. */
#include <stdio.h>
#include <sys/utsname.h>

int main(void)
{
	struct utsname name;
#if defined __riscv && __riscv_xlen == 64
	const char *target = "riscv64";
#elif defined __aarch64__
	const char *target = "aarch64";
#elif defined __x86_64__
	const char *target = "x86_64";
#else
	const char *target = "another machine";
#endif

	if (uname(&name) < 0)
		return 1;
	printf("compiled for %s, runs on %s\n", target, name.machine);
	return 0;
}
