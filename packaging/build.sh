#!/bin/sh
# Builds Release and leaves the program at .artifacts/publish/bridgeguard. Needs the .NET SDK (packaging/install-deps.sh).
#
# Ahead-of-time compiled code (ReadyToRun) halves the start-up time; it needs a compiler package from the package feed. Where that cannot be
# restored, the same program is published without it: slower to start, otherwise equal.
set -eu

name=publish
project=BridgeGuard.Cli
. "$(dirname "$0")/publish-head.sh"

if publish --self-contained false -r "$rid" -p:PublishReadyToRun=true >"$log" 2>&1; then
    mode="ReadyToRun"
elif publish --self-contained false >>"$log" 2>&1; then
    mode="without ReadyToRun (see .artifacts/publish.log)"
else
    cat "$log" >&2
    exit 1
fi

rm -rf "$out.old"
if [ -d "$out" ]; then mv "$out" "$out.old"; fi
mv "$out.new" "$out"
rm -rf "$out.old"
"$out/bridgeguard" version
echo "built $out/bridgeguard, $mode"
