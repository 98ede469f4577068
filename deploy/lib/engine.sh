# shellcheck shell=bash
# A Docker engine where none answers: Debian's, 26 or newer. One that answers is left as it is.

OLDEST_ENGINE=26
# What may come from the next Debian, now and with its security updates.
NEXT_RELEASE=trixie
NEXT_SOURCES=/etc/apt/sources.list.d/hub-ext-$NEXT_RELEASE.sources
NEXT_LIST=/etc/apt/sources.list.d/hub-ext-$NEXT_RELEASE.list
NEXT_PIN=/etc/apt/preferences.d/hub-ext-$NEXT_RELEASE

engine_socket() {
    local host=${DOCKER_HOST:-unix:///var/run/docker.sock}
    printf '%s' "${host#unix://}"
}

# A socket somebody listens on; whether the engine behind it is good enough is seen later.
engine_answers() {
    [ -S "$(engine_socket)" ] && grep -q " $(readlink -f "$(engine_socket)")$" /proc/net/unix
}

# A client and BuildKit's plugin build and push the images, whoever's engine it is.
ensure_engine() {
    local missing=()
    if ! engine_answers; then
        [ -z "${DOCKER_HOST:-}" ] ||
            refuse "No Docker engine answers at $DOCKER_HOST, which DOCKER_HOST names. Start it, or unset DOCKER_HOST to have one installed."
        # Read at the engine's first start, which the package may do by itself.
        [ -e /etc/docker/daemon.json ] || install -D -m 644 "$CHECKOUT/deploy/daemon.json" /etc/docker/daemon.json
        command -v dockerd >/dev/null || missing+=(docker.io)
    fi
    command -v docker >/dev/null || missing+=(docker-cli)
    if [ ! -x /usr/libexec/docker/cli-plugins/docker-buildx ] && ! docker buildx version >/dev/null 2>&1; then
        missing+=(docker-buildx)
    fi
    [ ${#missing[@]} -eq 0 ] || install_recent "Docker" "${missing[@]}"
}

# install_recent SENTENCE PACKAGE…: from the machine's sources where those are new enough, else from the next
# Debian, with sources derived from the machine's own and pinned so low that nothing else comes from there.
install_recent() {
    local sentence=$1 options=()
    shift
    update_lists
    if [ "$(major "$(candidate docker.io)")" -lt "$OLDEST_ENGINE" ]; then
        derive_next_sources
        long "Reading the sources of Debian $NEXT_RELEASE" "$SOURCES_ADVICE" "${APT[@]}" update
        options=(-t "$NEXT_RELEASE")
    elif [ -e "$NEXT_PIN" ]; then
        options=(-t "$NEXT_RELEASE")
    fi
    install_packages "$sentence: $*" "${options[@]}" "$@"
}

derive_next_sources() {
    local release=bookworm file
    cat >"$NEXT_PIN.new" <<PIN
Package: *
Pin: release n=$NEXT_RELEASE*
Pin-Priority: 50

Package: src:docker.io src:docker-buildx src:containerd src:runc src:glibc
Pin: release n=$NEXT_RELEASE*
Pin-Priority: 500
PIN
    : >"$NEXT_SOURCES.new"
    : >"$NEXT_LIST.new"
    for file in /etc/apt/sources.list.d/*.sources; do
        [ -f "$file" ] && derive_stanzas "$release" <"$file" >>"$NEXT_SOURCES.new"
    done
    for file in /etc/apt/sources.list /etc/apt/sources.list.d/*.list; do
        [ -f "$file" ] && derive_lines "$release" <"$file" >>"$NEXT_LIST.new"
    done
    mv "$NEXT_PIN.new" "$NEXT_PIN"
    for file in "$NEXT_SOURCES" "$NEXT_LIST"; do
        if [ -s "$file.new" ]; then mv "$file.new" "$file"; else rm "$file.new"; fi
    done
}

# Debian's own stanzas are those whose suites are the release's and whose components hold "main".
derive_stanzas() {
    awk -v release="$1" -v next_release="$NEXT_RELEASE" '
        BEGIN { RS = ""; FS = "\n" }
        {
            debian = 0
            for (i = 1; i <= NF; i++) {
                if ($i ~ "^Suites:.*[ \t]" release "(-updates|-security)?([ \t]|$)") debian += 1
                if ($i ~ /^Components:.*[ \t]main([ \t]|$)/) debian += 1
                if ($i ~ /^Enabled:[ \t]*no/) debian -= 9
            }
            if (debian == 2) { gsub(release, next_release); print $0 "\n" }
        }'
}

derive_lines() {
    sed -nE "/^deb( \[[^]]*\])? +[^ ]+ +$1(-updates|-security)? +([^#]* )?main( |\$)/s/$1/$NEXT_RELEASE/gp"
}
