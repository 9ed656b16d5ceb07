FROM alpine
RUN <<EOT
  set -e
  echo "a # b" \
    and more
EOT
RUN <<-"EOT" sh -x
	echo 'tabs are gone'
		echo $HOME
	EOT
RUN <<SCRIPT
#!/usr/bin/env python3
print("hello")
SCRIPT
RUN cat <<A > /a && cat <<'B'>/b; echo $((1 << 4)) "<<not"
first $x
A
second $x
B
COPY <<robots.txt <<-"humans.txt" extra.txt /usr/share/nginx/html/
User-agent: ${AGENT:-*}
robots.txt
	$literal
	humans.txt
COPY --chmod=0755 <<EOF /entry.sh
#!/bin/sh
exec "\$@"
EOF
ONBUILD RUN <<EOF
make
EOF
RUN ["cat", "<<EOF"]
CMD cat <<< word
