#!/bin/sh
# Builds bridgeguard_VERSION_ARCH.deb into .artifacts/ with dpkg-deb. Needs no root and no debhelper.
#   usage: build-deb.sh [OUTPUT-FOLDER]      BRIDGEGUARD_PUBLISH=FOLDER: a published program instead of building one
set -eu
root=$(cd "$(dirname "$0")/../.." && pwd)
here="$root/packaging/debian"
out=${1:-$root/.artifacts}
publish=${BRIDGEGUARD_PUBLISH:-}
if [ -z "$publish" ]; then
    "$root/packaging/build.sh" >&2
    publish="$root/.artifacts/publish"
fi

version=$(sed -n 's:.*<Version>\(.*\)</Version>.*:\1:p' "$root/Directory.Build.props" | head -n1)
arch=$(dpkg --print-architecture)
stage=$(mktemp -d)
trap 'rm -rf "$stage"' EXIT
mkdir -p "$stage/DEBIAN" "$stage/usr/lib/bridgeguard" "$stage/usr/bin" "$stage/etc/bridgeguard" "$stage/usr/share/bridgeguard" \
    "$stage/usr/share/doc/bridgeguard" "$stage/usr/lib/systemd/system" "$stage/usr/lib/modules-load.d" "$stage/etc/libvirt/hooks/qemu.d"
cp -a "$publish/." "$stage/usr/lib/bridgeguard/"
find "$stage/usr/lib/bridgeguard" -name '*.pdb' -delete
ln -s ../lib/bridgeguard/bridgeguard "$stage/usr/bin/bridgeguard"
cp -a "$root/rules" "$stage/usr/share/bridgeguard/rules"
sed 's:\.\./\.\./rules:/usr/share/bridgeguard/rules:g' "$root/packaging/etc/bridgeguard.yaml" >"$stage/etc/bridgeguard/bridgeguard.yaml"
chmod 0640 "$stage/etc/bridgeguard/bridgeguard.yaml"
cp "$here/bridgeguard.service" "$stage/usr/lib/systemd/system/"
install -m 0755 "$root/packaging/libvirt/bridgeguard" "$stage/etc/libvirt/hooks/qemu.d/bridgeguard"
echo tun >"$stage/usr/lib/modules-load.d/bridgeguard.conf"
cp "$root/README.md" "$stage/usr/share/doc/bridgeguard/"
cp "$root/LICENSE" "$stage/usr/share/doc/bridgeguard/copyright"
sed "s/@VERSION@/$version/; s/@ARCH@/$arch/" "$here/control.in" >"$stage/DEBIAN/control"
echo "Installed-Size: $(du -sk --exclude=DEBIAN "$stage" | cut -f1)" >>"$stage/DEBIAN/control"
printf '%s\n' /etc/bridgeguard/bridgeguard.yaml /etc/libvirt/hooks/qemu.d/bridgeguard >"$stage/DEBIAN/conffiles"
for script in postinst prerm postrm; do install -m 0755 "$here/$script" "$stage/DEBIAN/$script"; done
mkdir -p "$out"
dpkg-deb --root-owner-group -Zgzip -z1 --build "$stage" "$out/bridgeguard_${version}_$arch.deb"
