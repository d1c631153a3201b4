#!/bin/sh
# Builds bridgeguard-agent_VERSION_ARCH.deb, what is installed in a guest, into .artifacts/ with dpkg-deb. Needs no root.
#   usage: build-agent-deb.sh [OUTPUT-FOLDER]      BRIDGEGUARD_AGENT_PUBLISH=FOLDER: a published agent instead of building one
set -eu
root=$(cd "$(dirname "$0")/../.." && pwd)
here="$root/packaging/debian/agent"
out=${1:-$root/.artifacts}
publish=${BRIDGEGUARD_AGENT_PUBLISH:-}
if [ -z "$publish" ]; then
    "$root/packaging/build-agent.sh" >&2
    publish="$root/.artifacts/publish-agent"
fi

version=$(sed -n 's:.*<Version>\(.*\)</Version>.*:\1:p' "$root/Directory.Build.props" | head -n1)
arch=$(dpkg --print-architecture)
stage=$(mktemp -d)
trap 'rm -rf "$stage"' EXIT
mkdir -p "$stage/DEBIAN" "$stage/usr/lib/bridgeguard-agent" "$stage/usr/bin" "$stage/etc/default" "$stage/usr/share/doc/bridgeguard-agent" "$stage/usr/lib/systemd/system"
install -m 0755 "$publish/bridgeguard-agent" "$stage/usr/lib/bridgeguard-agent/"
install -m 0644 "$publish/libsodium.so" "$stage/usr/lib/bridgeguard-agent/"
ln -s ../lib/bridgeguard-agent/bridgeguard-agent "$stage/usr/bin/bridgeguard-agent"
install -m 0644 "$here/bridgeguard-agent.service" "$stage/usr/lib/systemd/system/"
install -m 0640 "$here/bridgeguard-agent.default" "$stage/etc/default/bridgeguard-agent"
install -m 0644 "$root/src/BridgeGuard.Agent/README.md" "$stage/usr/share/doc/bridgeguard-agent/README.md"
install -m 0644 "$root/LICENSE" "$stage/usr/share/doc/bridgeguard-agent/copyright"
sed "s/@VERSION@/$version/; s/@ARCH@/$arch/" "$here/control.in" >"$stage/DEBIAN/control"
echo "Installed-Size: $(du -sk --exclude=DEBIAN "$stage" | cut -f1)" >>"$stage/DEBIAN/control"
echo /etc/default/bridgeguard-agent >"$stage/DEBIAN/conffiles"
for script in postinst prerm postrm; do install -m 0755 "$here/$script" "$stage/DEBIAN/$script"; done
mkdir -p "$out"
dpkg-deb --root-owner-group -Zgzip -z1 --build "$stage" "$out/bridgeguard-agent_${version}_$arch.deb"
