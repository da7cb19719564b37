#!/usr/bin/env bash
# Installs the Debian packages that are missing. Groups: build (default) and those below.
# Usage: scripts/install-deps.sh [GROUP ...]
set -euo pipefail

packages_of() {
    case "$1" in
    build)
        echo gcc cmake make pkg-config libc6-dev libpcre2-dev libutf8proc-dev libyaml-dev \
            libjansson-dev zlib1g-dev libbz2-dev liblzma-dev liblz4-dev libssl-dev libevent-dev
        ;;
    check) echo libcmocka-dev jq curl openssl python3 python3-jsonschema ;;
    lint) echo clang clang-tidy clang-format cppcheck shellcheck mandoc git ;;
    fuzz) echo clang libclang-rt-14-dev ;;
    arm64)
        # Needs `dpkg --add-architecture arm64`, which `make check-arm64` does.
        echo gcc-aarch64-linux-gnu libc6-dev-arm64-cross qemu-user
        printf '%s:arm64 ' libpcre2-dev libutf8proc-dev libyaml-dev libjansson-dev zlib1g-dev \
            libbz2-dev liblzma-dev liblz4-dev libssl-dev libevent-dev libcmocka-dev
        ;;
    peers) echo python3 python3-venv python3-pip ;;
    deploy) echo yamllint prometheus systemd curl jq openssl python3 python3-jsonschema ;;
    instructions) echo valgrind ;;
    bench) echo python3-yaml wrk curl ;;
    sample) echo python3-sklearn python3-xgboost python3-joblib ;;
    conformance) echo libonnx-testdata ;;
    *)
        echo "install-deps: unknown group '$1' (build, check, lint, fuzz, peers, arm64, sample, bench, instructions, deploy, conformance)" >&2
        exit 2
        ;;
    esac
}

# A package may be there for several architectures; a name without one means this machine's.
installed() {
    local name=$1
    [[ $name == *:* ]] || name="$name:$(dpkg --print-architecture)"
    { dpkg-query -W -f '${Status}\n' "$name" "${name%:*}:all" 2>/dev/null || true; } |
        grep -qx 'install ok installed'
}

missing=()
for group in "${@:-build}"; do
    for package in $(packages_of "$group"); do
        installed "$package" || missing+=("$package")
    done
done
[ ${#missing[@]} -eq 0 ] && exit 0

as_root() {
    if [ "$(id -u)" -eq 0 ]; then
        "$@"
    elif command -v sudo >/dev/null; then
        sudo "$@"
    else
        echo "install-deps: root or sudo is needed to install: ${missing[*]}" >&2
        exit 4
    fi
}

echo "Installing: ${missing[*]}" >&2
as_root apt-get update -qq >&2
as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends \
    "${missing[@]}" >&2
