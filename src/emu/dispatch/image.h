/* What in the image, beyond the program's own file, decides what a program does: settings of its loader and libraries. Read at each exec, since a step may
 * change them; a handful of system calls. */
#ifndef EMU_DISPATCH_IMAGE_H
#define EMU_DISPATCH_IMAGE_H

/* Is a library loaded into every program (/etc/ld.so.preload)? */
int image_preloads(void);
/* Do names of users and groups come from anything but /etc/passwd and /etc/group? */
int image_has_name_services(void);
/* Does /etc/ld.so.conf name folders beyond those where every linker looks? */
int image_has_library_folders(void);
/* Would the program get a library of its own folder's name from elsewhere: from `path`, the value of LD_LIBRARY_PATH or NULL, from a folder of /etc/ld.so.conf, or from
 * /usr/local? */
int image_overrides_libraries(const char *path);
/* Would musl's loader take another file for this library of Alpine's, from a folder that comes before its own, or from those of /etc/ld-musl-ARCHITECTURE.path? Debian's libraries lie
 * deeper, and are looked for otherwise. */
int image_hides_library(const char *path);
/* Binutils' folder of plug-ins: none, the compiler's for link-time optimisation alone, or others as well. */
enum image_plugins { PLUGINS_NONE, PLUGINS_LTO, PLUGINS_OTHERS };
enum image_plugins image_plugins(void);
/* Has the folder nothing in it, or is it not there? */
int image_folder_is_empty(const char *path);
/* Is the working folder beneath /proc? */
int image_works_in_proc(void);
#endif
