# Link-time optimisation: slim and fat objects, archives of them, partitions; by gcc-ar and by plain ar, which finds the plug-in by itself.
ARG BASE
FROM $BASE
WORKDIR /src
COPY <<"END" one.c
int two(int); int one(int a) { return two(a) + 1; }
END
COPY <<"END" two.c
int two(int a) { return a * 7; }
END
COPY <<"END" main.c
int one(int); int main(int argc, char **argv) { (void)argv; return one(argc) - 8; }
END
RUN gcc -O2 -flto -frandom-seed=1 -c one.c two.c main.c && gcc-ar rcs libslim.a one.o two.o && ar rcs libplain.a one.o two.o && nm -s libplain.a > index && gcc -O2 -flto -frandom-seed=1 main.o -L. -lslim -o slim && ./slim
RUN gcc -O2 -flto -ffat-lto-objects -flto-compression-level=9 -frandom-seed=1 -c one.c two.c && gcc-nm one.o > names && gcc -O2 -g -flto=2 -flto-partition=1to1 -frandom-seed=1 main.o one.o two.o -o fat && gcc main.o one.o two.o -fno-lto -o none 2> none.said; nm -S two.o main.o >> names; strip -g one.o
