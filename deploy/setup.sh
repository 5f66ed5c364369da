# Sourced by the other scripts here: installs missing packages, and builds. Debian 12, root or sudo.
# If nothing is missing, it installs nothing and needs no network.

top=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)

# Prints a message with the seconds since the start.
say() { printf '\033[1m==> %4d s  %s\033[0m\n' "$SECONDS" "$*" >&2; }
die() { printf '%s: %s\n' "$(basename "$0")" "$*" >&2; exit 1; }

as_root() {
    if [ "$(id -u)" = 0 ]; then
        "$@"
    elif command -v sudo >/dev/null; then
        sudo "$@"
    else
        die "needs root or sudo to install packages: $*"
    fi
}

# What the build needs; the tests' own packages are in deploy/test. libdnnl-dev is optional: with it, kcheck --bench
# compares the time of matrix products with oneDNN's.
build_packages=(
    build-essential git meson ninja-build pkg-config
    libuv1-dev libprotobuf-c-dev protobuf-c-compiler
    libopenmpi-dev openmpi-bin
    libjansson-dev libxxhash-dev libzstd-dev zlib1g-dev libpcre2-dev libsodium-dev libmicrohttpd-dev
)

need_packages() {
    local missing=() name
    for name in "$@"; do
        [ "$(dpkg-query -W -f='${Status}' "$name" 2>/dev/null)" = 'install ok installed' ] || missing+=("$name")
    done
    [ ${#missing[@]} -gt 0 ] || return 0
    say "installing ${missing[*]}"
    as_root apt-get update -qq
    as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null
}

# configure FOLDER [meson options...]: sets the folder up unless it is set up already.
configure() {
    local dir=$1
    shift
    [ ! -f "$dir/build.ninja" ] || return 0
    mkdir -p "$(dirname "$dir")"
    meson setup "$dir" "$top" "$@" >"$dir.log" 2>&1 || { cat "$dir.log" >&2; die "meson setup failed"; }
    rm -f "$dir.log"
}

# build FOLDER [targets...]: builds the targets, or everything if none is named.
build() {
    local dir=$1
    shift
    ninja -C "$dir" "$@" >"$dir/build.log" 2>&1 || { tail -n 60 "$dir/build.log" >&2; die "the build failed: $dir/build.log"; }
}
