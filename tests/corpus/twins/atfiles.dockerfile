# Response files, with everything in them; specs of one's own, given and lying in the compiler's folder; a plug-in of the image's.
ARG BASE
FROM $BASE
WORKDIR /src
COPY <<"END" plug.cc
#include <gcc-plugin.h>
#include <plugin-version.h>
int plugin_is_GPL_compatible;
static void done(void *, void *) { FILE *f = fopen("/src/plugged", "a"); fputs("plugged\n", f); fclose(f); }
int plugin_init(struct plugin_name_args *info, struct plugin_gcc_version *) { register_callback(info->base_name, PLUGIN_FINISH, done, NULL); return 0; }
END
RUN echo 'int main(void) { return X; }' > a.c; echo '-DX=0 -O2 -v -c a.c' > v; echo '-DX=0 @inner' > outer; echo '-g "a.c"' > inner; gcc @v 2> said; gcc -c @outer -o outer.o; echo 'a.o -o linked -Wl,@ldargs' > link; echo '--build-id=none -Map=at.map' > ldargs; gcc @link && ./linked; echo 'rcs at.a a.o' > ar; ar @ar; echo '-s --no-such' > strip; strip @strip linked 2> strip.said; echo '-g a.c' | gcc -DX=1 -c -xc -o stdin.o @/dev/stdin 2>&1; grep -c cc1 said > count; rm said; true
RUN gcc -dumpspecs > mine; sed -i 's/%{E|M|MM:%(trad_capable_cpp)/&/; s/-quiet/-quiet -DBY_SPECS/' mine; echo 'int x =' > b.c; echo '#ifdef BY_SPECS' >> b.c; echo '1;' >> b.c; echo '#endif' >> b.c; echo '0;' >> b.c; gcc -specs=mine -S b.c -o given.s 2> given; d=$(dirname $(gcc -print-libgcc-file-name)); printf '*cpp:\n+ -DX=5 -DBY_SPECS\n\n' > $d/specs; gcc -S a.c -o lying.s 2>> given; cp $d/specs .; rm $d/specs; gcc --specs=./specs -S a.c -o last.s 2>> given; true
RUN g++ -shared -fPIC -fno-rtti -I$(gcc -print-file-name=plugin)/include plug.cc -o plug.so && gcc -DX=2 -fplugin=./plug.so -c a.c && gcc -DX=2 -O2 -fplugin=/src/plug.so -fplugin-arg-plug-x=1 a.c -o a && cat plugged
