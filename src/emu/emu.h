/* Foreign architectures: which emulator runs a platform on this machine, and the private binfmt_misc that starts it. */
#ifndef EMU_EMU_H
#define EMU_EMU_H
#include "base/error.h"
#include "oci/platform.h"

enum emulation {
	EMULATION_NATIVE,  /* this machine runs it itself (also 386 on amd64, arm/v7 on many arm64) */
	EMULATION_PRIVATE, /* QEMU by a binfmt_misc of the container's own user namespace (Linux >= 6.7) */
	EMULATION_GLOBAL,  /* QEMU by the machine's binfmt_misc, where it is registered (flag F) */
	EMULATION_NONE,	   /* it can't run here; see reason and hint */
};

struct emulator {
	struct platform platform;
	enum emulation emulation;
	char *path;   /* of what the kernel starts: the static qemu, or the machine's own entry; or NULL; owned */
	char *qemu;   /* a static qemu that can be started by name, or NULL; owned */
	char *version; /* "7.2.22", or NULL; owned */
	char *reason; /* why NONE, or a remark; owned */
	char *hint;   /* what to do; owned */
};

/* Never fails: what can't run is EMULATION_NONE. */
void emulator_find(const struct platform *platform, struct emulator *ret);
void emulator_clear(struct emulator *emulator);
/* All platforms that we know, for `sampan emulator`; owned by the caller. */
size_t emulator_list(struct emulator **ret);
/* ERROR_UNSUPPORTED with reason and hint if it is NONE. */
int emulator_check(const struct emulator *emulator, struct error *err);

/* In a single-threaded child process that goes on to start the container. For PRIVATE: enters a nested user and mount namespace with the
 * same ids, mounts binfmt_misc there (on `folder`, an empty one) and registers the emulator, and before it the dispatcher of twins (a path; NULL:
 * none), which finds the emulator and its table at the places of dispatch/table.h. The host's list is untouched. For GLOBAL nothing without a
 * dispatcher; with one, both go into the machine's list, under names with our process number.
 * What must be mounted with the rights of the outer namespace (overlayfs with trusted xattrs) must be mounted before. */
int emulator_enter(const struct emulator *emulator, const char *folder, const char *dispatcher, struct error *err);
/* Can there be a dispatcher? Privately always; for the whole machine (older kernels) if we may register it, and it is taken out again at the step's end. */
bool emulator_takes_dispatcher(const struct emulator *emulator);
/* The end of a step: takes out of the machine's list what emulator_enter put there. Fine if there is nothing. */
void emulator_leave(const struct emulator *emulator);
#endif
