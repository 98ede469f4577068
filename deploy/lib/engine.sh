# shellcheck shell=bash
# Which Docker engine is used. ENGINE is one of
#   machine   the host's: it answers, or is installed, and is new enough; left as it is
#   install   Debian's, to be installed, where the release's own is new enough and the host has none
#   private   one of our own beside whatever the host has, unpacked under the state and started by hub-ext

OLDEST_ENGINE=26

choose_engine() {
    ENGINE=private
    if [ -n "${DOCKER_HOST:-}" ]; then
        engine_answers ||
            refuse "No Docker engine answers at $DOCKER_HOST, which DOCKER_HOST names. Start it, or unset DOCKER_HOST to use this machine's or one of hub-ext's own."
        ENGINE=machine
    elif [ -d "$SHARED/engine/data" ]; then
        : # homes lie in it
    elif engine_answers; then
        # A silent one is not an old one: hub-ext waits for it, and says when it does not answer.
        ! is_recent "$(engine_version)" '' || ENGINE=machine
        [ "$ENGINE" = machine ] ||
            say "The host's Docker engine is older than $OLDEST_ENGINE: it is left as it is, and hub-ext uses one of its own."
    elif [ -n "$(installed dockerd)" ]; then
        ! is_recent "$("$(installed dockerd)" --version | sed -E 's/^[^0-9]*//')" || ENGINE=machine
    elif [ "$HOST_NUMBER" -ge 13 ]; then
        ENGINE=install
    fi
}

# A client and BuildKit's plugin build the images, whoever's engine it is.
has_build_client() {
    local folder
    [ -n "$(installed docker)" ] || return 1
    for folder in /usr/libexec /usr/lib /usr/local/lib; do
        [ ! -x "$folder/docker/cli-plugins/docker-buildx" ] || return 0
    done
    [ -n "$(installed docker-buildx)" ]
}

# installed NAME: the host's own program of that name, not one that was unpacked; nothing where there is none.
installed() {
    PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin command -v "$1" || true
}

# The packages of an engine that is installed from the release, what carries the builds of one of ours out, and what
# confines the containers of both.
engine_packages() {
    [ "$ENGINE" != install ] || printf '%s\n' docker.io docker-cli docker-buildx
    [ "$ENGINE" != private ] || printf '%s\n' slirp4netns
    # Without its parser an engine gives containers no profile, and says nothing. A host's engine is its owner's.
    [ "$ENGINE" = machine ] || ! kernel_has_apparmor || printf '%s\n' apparmor
}

kernel_has_apparmor() {
    [ "$(cat /sys/module/apparmor/parameters/enabled 2>/dev/null)" = Y ]
}

# Read at the engine's first start, which its package may do by itself. One that is there is somebody's.
configure_installed_engine() {
    [ "$ENGINE" = install ] || return 0
    [ -e /etc/docker/daemon.json ] || install -D -m 644 "$CHECKOUT/deploy/daemon.json" /etc/docker/daemon.json
}

engine_socket() {
    local host=${DOCKER_HOST:-unix:///var/run/docker.sock}
    printf '%s' "${host#unix://}"
}

# A socket somebody listens on; whether the engine behind it is good enough is seen later.
engine_answers() {
    [ -S "$(engine_socket)" ] && grep -q " $(readlink -f "$(engine_socket)")$" /proc/net/unix
}

# Such as "26.1.5+dfsg1"; nothing where it does not answer within ten seconds. Perl is on every Debian.
engine_version() {
    perl -MIO::Socket::UNIX -e '
        alarm 10;
        my $engine = IO::Socket::UNIX->new($ARGV[0]) or exit;
        print $engine "GET /version HTTP/1.0\r\nHost: docker\r\n\r\n";
        local $/;
        print $1 if <$engine> =~ /"Version":"([^"]*)"/;' "$(engine_socket)" 2>/dev/null || true
}

# is_recent VERSION [OTHER]: whether it is new enough; OTHER counts as new enough too.
is_recent() {
    [ $# -gt 1 ] && [ "$1" = "$2" ] && return
    [ "$(major "$1")" -ge "$OLDEST_ENGINE" ]
}
