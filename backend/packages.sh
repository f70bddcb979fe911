#!/usr/bin/env bash
# The Debian packages that ./dev needs, and their installation. ./dev sources this file; say, die and $python are its own.

# group | how ./dev sees that it is there | Debian package | what for
# Whatever is there already, by whatever means, is not installed again.
requirements() {
    cat <<'LIST'
build|command gcc|gcc|the compiler
build|file /usr/include/stdlib.h|libc6-dev|the C library's headers
build|command meson|meson|the build system
build|command ninja|ninja-build|the build system
build|command pkg-config|pkg-config|finding libraries
build|command /usr/bin/python3|python3|turning the migrations and docs/openapi.yaml into C
build|python yaml|python3-yaml|reading docs/openapi.yaml
build|library libmicrohttpd|libmicrohttpd-dev|HTTP server
build|library libpq|libpq-dev|PostgreSQL client
build|library sqlite3|libsqlite3-dev|the store's index
build|library libcurl|libcurl4-openssl-dev|HTTP client
build|library jansson|libjansson-dev|JSON
build|library expat|libexpat1-dev|XML
build|library openssl|libssl-dev|cryptography
build|library libsodium|libsodium-dev|password hashing
build|library libjpeg|libjpeg62-turbo-dev|the pictures of `vibe demo`
build|library vips|libvips-dev|decoding and encoding pictures
build|library libavformat|libavformat-dev|reading videos
build|library libavcodec|libavcodec-dev|decoding the posters of videos
build|library libswscale|libswscale-dev|scaling the posters of videos
build|library libseccomp|libseccomp-dev|the jail of the decoders
build|library cmocka|libcmocka-dev|unit tests
run|file /usr/lib/postgresql/*/bin/postgres|postgresql|the private database of `vibe up`
test|command curl|curl|integration tests
test|command openssl|openssl|certificates for the integration tests
test|command /usr/bin/python3|python3|integration tests
test|python pytest|python3-pytest|integration tests
test|python xdist|python3-pytest-xdist|integration tests side by side
test|python jsonschema|python3-jsonschema|answers against the schemas of the OpenAPI document
test|python boto3|python3-boto3|the store against the AWS SDK for Python
test|command /usr/bin/aws|awscli|the store against the AWS command line
test|command /usr/bin/s3cmd|s3cmd|the store against s3cmd
test|command /usr/bin/rclone|rclone|the store against rclone
test|python PIL|python3-pil|making and reading pictures
test|command exiftool|libimage-exiftool-perl|reading and writing the metadata of pictures and videos
test|command heif-enc|libheif-examples|making HEIC and AVIF pictures
test|command ffmpeg|ffmpeg|making videos
test|command node|nodejs|the store against the AWS SDK for JavaScript
test|command npm|npm|fetching the AWS SDK for JavaScript
lint|command clang|clang|a second compiler's opinion
lint|command clang-tidy|clang-tidy|static analysis
lint|command clang-format|clang-format|formatting
lint|command cppcheck|cppcheck|static analysis
lint|command shellcheck|shellcheck|static analysis of this script
fmt|command clang-format|clang-format|formatting
fuzz|command clang|clang|libFuzzer
fuzz|fuzzer|libclang-rt-dev|libFuzzer's run-time library
bench|command /usr/bin/python3|python3|the benchmark's driver
bench|command wrk|wrk|the load generator
bench|command nginx|nginx-light|the peer for plain HTTP
bench|command node|nodejs|the peer for upload tickets
bench|command varnishd|varnish|the peer for pictures in memory
bench|python PIL|python3-pil|drawing photographs
bench|command heif-enc|libheif-examples|making HEIC pictures
bench|command npm|npm|fetching Express and the AWS SDK for JavaScript
LIST
}

present() { # HOW ARGUMENT
    case $1 in
    command) PATH="$PATH:/usr/sbin" command -v "$2" >/dev/null ;;
    file) compgen -G "$2" >/dev/null ;;
    library) command -v pkg-config >/dev/null && pkg-config --exists "$2" ;;
    python) "${python:?}" -c "import $2" 2>/dev/null ;;
    fuzzer) compgen -G "$(clang -print-resource-dir 2>/dev/null)/lib/*/libclang_rt.fuzzer*.a" >/dev/null ;;
    esac
}

# need GROUP…: installs the missing packages of these groups.
need() {
    local group how package why missing=() lines=()
    while IFS='|' read -r group how package why; do
        [[ " $* " == *" $group "* ]] || continue
        # shellcheck disable=SC2086  # "command gcc" is two words on purpose
        present $how && continue
        [ "$package" = libclang-rt-dev ] && package=$(clang_runtime_package)
        [[ " ${missing[*]-} " == *" $package "* ]] && continue
        missing+=("$package")
        lines+=("$(printf '  %-24s %s' "$package" "$why")")
    done < <(requirements)
    [ ${#missing[@]} -eq 0 ] && return
    say "Missing Debian packages:"
    printf '%s\n' "${lines[@]}" >&2
    install_packages "${missing[@]}"
}

# libFuzzer's package has the version of Debian's clang in its name.
clang_runtime_package() {
    local version
    version=$( (clang -dumpversion 2>/dev/null || apt-cache show clang 2>/dev/null | sed -n 's/^Version: 1:\([0-9]*\).*/\1/p') |
        head -1 | cut -d. -f1)
    echo "libclang-rt-${version:-14}-dev"
}

install_packages() {
    local as_root=()
    command -v apt-get >/dev/null ||
        die "this system has no apt-get. Install these packages by its own means (the names are Debian's): $*"
    if [ "$(id -u)" -ne 0 ]; then
        command -v sudo >/dev/null || die "installing packages needs root, and there is no sudo. As root, run: apt-get install $*"
        if ! sudo -n true 2>/dev/null; then
            [ -t 0 ] || die "sudo asks for a password, and there is no terminal. As root, run: apt-get install $*"
            sudo -v || die "sudo refused. Ask an administrator to run: apt-get install $*"
        fi
        as_root=(sudo)
    fi
    say "Installing them with apt-get (output in build/apt.log) …"
    mkdir -p build
    # sudo cannot call a shell function, so the part for root is a script of its own on standard input.
    "${as_root[@]}" bash -s -- "$@" >build/apt.log 2>&1 <<'ROOT' || { tail -20 build/apt.log >&2; die "apt-get failed: the end of build/apt.log is above"; }
set -eu
export DEBIAN_FRONTEND=noninteractive UCF_FORCE_CONFFOLD=1
# Debian starts the services that it installs. ./dev needs the programs only: this installation creates no database cluster
# and starts no service. It leaves services alone that exist already.
case " $* " in *" postgresql "*)
    if [ ! -e /etc/postgresql-common/createcluster.conf ]; then
        mkdir -p /etc/postgresql-common
        printf '# Written by the "dev" script of Vibe, which runs PostgreSQL as a program and needs no service.\n%s\n' \
            'create_main_cluster = false' >/etc/postgresql-common/createcluster.conf
    fi ;;
esac
if [ ! -e /usr/sbin/policy-rc.d ]; then
    trap 'rm -f /usr/sbin/policy-rc.d' EXIT
    printf '#!/bin/sh\nexit 101\n' >/usr/sbin/policy-rc.d
    chmod 755 /usr/sbin/policy-rc.d
fi
apt-get update </dev/null
apt-get install -y --no-install-recommends -o Dpkg::Options::=--force-confold "$@" </dev/null
case " $* " in *" nginx-light "*)
    if [ -d /run/systemd/system ]; then systemctl disable nginx || true; fi ;;
esac
ROOT
    say "Installed."
}
