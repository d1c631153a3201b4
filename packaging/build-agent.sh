#!/bin/sh
# Builds the guest's program and leaves it at .artifacts/publish-agent/bridgeguard-agent: one native program beside libsodium.so, no .NET in the guest.
#
# Compiled ahead of time (NativeAOT) where its compiler package can be restored and clang or gcc is there; else trimmed and self-contained in one file, which
# is larger and starts slower. Both do the same.
set -eu

name=publish-agent
project=BridgeGuard.Agent
. "$(dirname "$0")/publish-head.sh"

if publish -p:PublishAot=true -p:OptimizationPreference=Size -p:StripSymbols=true >"$log" 2>&1; then
    mode="ahead of time"
elif publish --self-contained -p:PublishTrimmed=true -p:PublishSingleFile=true >>"$log" 2>&1; then
    mode="trimmed, self-contained (see .artifacts/publish-agent.log)"
else
    cat "$log" >&2
    exit 1
fi

find "$out.new" \( -name '*.dbg' -o -name '*.pdb' -o -name '*.xml' \) -delete
rm -rf "$out"
mv "$out.new" "$out"
"$out/bridgeguard-agent" --help >/dev/null
echo "built $out/bridgeguard-agent, $mode, $(du -sk "$out" | cut -f1) KiB"
