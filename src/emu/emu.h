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
	char *path;   /* of the static qemu, or NULL; owned */
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
 * none), which finds the emulator and its table at the places of dispatch/table.h. For the others nothing. The host's list is untouched.
 * What must be mounted with the rights of the outer namespace (overlayfs with trusted xattrs) must be mounted before. */
int emulator_enter(const struct emulator *emulator, const char *folder, const char *dispatcher, struct error *err);
#endif
