# Read by build.sh and build-agent.sh, which set `name` (where the result goes: .artifacts/publish…) and `project` first: where things are, and for which runtime.
root=$(cd "$(dirname "$0")/.." && pwd)
out="$root/.artifacts/$name"
log="$out.log"
case "$(uname -m)" in
    x86_64) rid=linux-x64 ;;
    aarch64) rid=linux-arm64 ;;
    *) echo "$(basename "$0"): no runtime for $(uname -m)" >&2; exit 1 ;;
esac

# Publishes to "$out.new", which becomes "$out" when all went well.
publish() {
    rm -rf "$out.new"
    dotnet publish "$root/src/$project/$project.csproj" -c Release -o "$out.new" --nologo -v quiet "$@"
}

mkdir -p "$root/.artifacts"
