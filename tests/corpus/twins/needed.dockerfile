# A needed library that only ld.so.conf.d, or LD_LIBRARY_PATH, leads to: a cross linker looks in neither. What it refers to shows in the program's own symbols.
ARG BASE
FROM $BASE
WORKDIR /src
COPY <<"END" low.c
int callback(void); int low(void) { return callback(); }
END
COPY <<"END" high.c
int low(void); int high(void) { return low() + 1; }
END
COPY <<"END" main.c
int high(void); int callback(void) { return 4; }
int main(void) { return high() - 5; }
END
RUN mkdir -p /opt/low h && gcc -shared -fPIC low.c -o /opt/low/liblow.so && gcc -shared -fPIC high.c -L/opt/low -llow -o h/libhigh.so
RUN LD_LIBRARY_PATH=/opt/low gcc main.c -Lh -lhigh -o by-path 2> by-path.said; gcc main.c -Lh -lhigh -o without 2> without.said; true
RUN echo /opt/low > /etc/ld.so.conf.d/zz.conf && gcc main.c -Lh -lhigh -o by-conf 2> by-conf.said && ldconfig && gcc main.c -Lh -lhigh -o by-cache 2>> by-conf.said
