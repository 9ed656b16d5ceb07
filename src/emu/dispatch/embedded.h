/* The dispatcher, as the build put it into the library (embed.sh). */
#ifndef EMU_DISPATCH_EMBEDDED_H
#define EMU_DISPATCH_EMBEDDED_H
extern const unsigned char dispatcher_bytes[];
extern const unsigned dispatcher_size;
#endif
