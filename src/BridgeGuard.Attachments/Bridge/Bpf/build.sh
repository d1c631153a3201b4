#!/bin/sh
# Builds bridge.bpf.o and records what it was built from (built.sha256) and with (built.version).
# Needs clang (Debian: apt-get install clang). Usage: build.sh [OUTPUT-FOLDER]
set -eu
cd "$(dirname "$0")"
out=${1:-.}
clang -target bpf -mcpu=v3 -O2 -Wall -Wextra -Werror -Wno-unused-function -Wno-unused-variable -fno-ident -fno-stack-protector \
  -c bridge.bpf.c -o "$out/bridge.bpf.o"
cat kernel.h bridgeguard.h bridge.bpf.c | sha256sum | cut -d' ' -f1 >"$out/built.sha256"
clang --version | head -n1 | sed 's/.*version \([0-9][0-9.]*\).*/\1/' >"$out/built.version"
