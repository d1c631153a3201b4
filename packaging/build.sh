#!/bin/sh
# Builds Release and leaves the program at .artifacts/publish/bridgeguard. Needs the .NET SDK (packaging/install-deps.sh).
#
# Ahead-of-time compiled code (ReadyToRun) halves the start-up time; it needs a compiler package from the package feed. Where that cannot be
# restored, the same program is published without it: slower to start, otherwise equal.
set -eu

root=$(cd "$(dirname "$0")/.." && pwd)
out="$root/.artifacts/publish"
project="$root/src/BridgeGuard.Cli/BridgeGuard.Cli.csproj"
arch=$(uname -m)
case "$arch" in
    x86_64) rid=linux-x64 ;;
    aarch64) rid=linux-arm64 ;;
    *) echo "build.sh: no runtime for $arch" >&2; exit 1 ;;
esac

publish() {
    rm -rf "$out.new"
    dotnet publish "$project" -c Release --self-contained false -o "$out.new" --nologo -v quiet "$@"
}

log="$root/.artifacts/publish.log"
mkdir -p "$root/.artifacts"
if publish -r "$rid" -p:PublishReadyToRun=true >"$log" 2>&1; then
    mode="ReadyToRun"
elif publish >>"$log" 2>&1; then
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
