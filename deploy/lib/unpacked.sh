# shellcheck shell=bash
# Debian's packages that are unpacked under the state and never installed: docker-registry, whose installation would
# start a server, and an engine where the host has none that is new enough. Each is checked by apt's own signatures,
# on lists and sources in folders of our own.
#
#   $SHARED/unpacked/current       the programs, and packages.tsv: package, version, release, day of its publication
#   $SHARED/unpacked/looked        when Debian was last asked for newer ones
#   $SHARED/unpacked/apt/RELEASE   sources and lists of that release

# dockerd and its companions, which need the libraries of Debian 12 and no newer ones.
ENGINE_PACKAGES=(containerd docker-buildx docker-cli docker.io)
# What they start. runc alone needs a newer libc in the next release.
ENGINE_COMPANIONS=(runc tini)
ENGINE_RELEASE=trixie
LOOK_AGAIN_MINUTES=1440

# unpacked_packages RELEASE: the packages to unpack from that release, for the chosen ENGINE.
unpacked_packages() {
    local packages=()
    if [ "$1" = "$HOST_RELEASE" ]; then
        packages+=(docker-registry)
        [ "$ENGINE" != private ] || packages+=("${ENGINE_COMPANIONS[@]}")
    fi
    if [ "$1" = "$ENGINE_RELEASE" ]; then
        case $ENGINE in
            private) packages+=("${ENGINE_PACKAGES[@]}") ;;
            machine) has_build_client || packages+=(docker-buildx docker-cli) ;;
        esac
    fi
    printf '%s\n' "${packages[@]}"
}

# ensure_unpacked [now]: what is needed is there; Debian is asked for newer ones once a day, or now.
ensure_unpacked() {
    local folder=$SHARED/unpacked when=${1:-} offered version
    mkdir -p "$folder"
    exec 8>>"$folder/lock"
    flock 8
    if is_unpacked && [ -z "$when" ] && [ -n "$(find "$folder/looked" -mmin "-$LOOK_AGAIN_MINUTES" 2>/dev/null)" ]; then
        exec 8>&-
        return
    fi
    if attempt "Looking for the newest engine and registry of Debian" read_releases && offered=$(offered_files); then
        version=$(printf '%s\n' "$offered" | sha256sum | cut -c -12)
        if [ "$(readlink "$folder/current")" != "$version" ]; then
            list_offered "$offered"
            long "Fetching and unpacking them" "$SOURCES_ADVICE" unpack_releases "$version"
        fi
        touch "$folder/looked"
    elif is_unpacked; then
        say "Debian's package sources do not answer: going on with what was unpacked before."
    else
        refuse "Debian's package sources cannot be read. $SOURCES_ADVICE The whole log is $STATE/logs/bootstrap.log."
    fi
    exec 8>&-
    remove_unused_programs
}

# Whether all that is needed was unpacked, in whatever version.
is_unpacked() {
    local name release
    for name in $(for release in $(releases); do unpacked_packages "$release"; done); do
        grep -q "^$name	" "$SHARED/unpacked/current/packages.tsv" 2>/dev/null || return 1
    done
}

releases() {
    local release
    for release in "$HOST_RELEASE" "$ENGINE_RELEASE"; do
        [ -z "$(unpacked_packages "$release")" ] || printf '%s\n' "$release"
    done | sort -u
}

read_releases() {
    local release
    for release in $(releases); do
        derive_sources "$release" || return 1
        private_apt "$release" --error-on=any update || return 1
    done
}

# list_offered FILES: say what is unpacked, from which release and how large.
list_offered() {
    {
        awk '{ bytes += $3 } END { printf "\nUnpacked and not installed will be %d packages, %d MB to fetch, ", NR, bytes / 1e6 + 0.5 }' <<<"$1"
        printf 'under %s:\n' "$SHARED/unpacked"
        sed -E 's/^([^ ]+) ([^_]+)_([^_]+)_.* .*/  \2 \3 (Debian \1)/; s/%3a/:/' <<<"$1"
        printf '\n'
    } >&2
}

# unpack_releases VERSION: beside what runs, then name it `current`.
unpack_releases() {
    local folder=$SHARED/unpacked version=$1 release new
    new=$(mktemp -d "$folder/new.XXXXXX")
    chmod 755 "$new"
    for release in $(releases); do unpack_release "$release" "$new" || return 1; done
    rm -rf "${new:?}/usr/share" "${folder:?}/$version"
    mv "$new" "$folder/$version"
    ln -sfn "$version" "$folder/current"
}

# The names of the files that Debian offers, with their sizes: one line each, the same while nothing is newer.
offered_files() {
    local release
    cd "$(mktemp -d)" || return 1 # apt leaves out what lies in the folder already
    for release in $(releases); do
        # shellcheck disable=SC2046
        private_apt "$release" download --print-uris $(unpacked_packages "$release") | sed -nE "s/^'[^']*' ([^ ]+ [0-9]+) .*/$release \1/p" || return 1
    done
    rmdir "$PWD"
}

# unpack_release RELEASE FOLDER
unpack_release() {
    local release=$1 folder=$2 name file
    mkdir "$folder/fetched"
    cd "$folder/fetched" || return 1
    # shellcheck disable=SC2046
    private_apt "$release" download $(unpacked_packages "$release") || return 1
    for file in *.deb; do
        dpkg-deb -x "$file" "$folder" || return 1
        name=$(dpkg-deb -f "$file" Package)
        printf '%s\t%s\t%s\t%s\n' "$name" "$(dpkg-deb -f "$file" Version)" "$release" "$(published "$folder" "$name")" >>"$folder/packages.tsv"
    done
    cd "$folder" && rm -rf fetched
}

# published FOLDER PACKAGE: the day of the newest entry in its changelog; nothing where there is none.
published() {
    local changelog=$1/usr/share/doc/$2/changelog.Debian.gz day
    day=$(zcat "$changelog" 2>/dev/null | sed -nE '/^ -- .*>  /{s///p;q}')
    [ -z "$day" ] || date -u -d "$day" +%F
}

programs_on_path() {
    export PATH=$STATE/venv/bin:$SHARED/unpacked/current/usr/sbin:$SHARED/unpacked/current/usr/bin:$PATH
}

# Such as "docker.io 26.1.5+dfsg1-9 runc 1.1.5": on one line.
unpacked_versions() {
    cut -f 1,2 "$SHARED/unpacked/current/packages.tsv" | tr '\t\n' '  ' | sed 's/ $//'
}

# Earlier programs, but for those that an engine which still runs was started from.
remove_unused_programs() {
    local folder=$SHARED/unpacked programs
    for programs in "$folder"/*/packages.tsv; do
        programs=$(dirname "$(realpath "$programs")")
        [ "$programs" = "$(realpath "$folder/current")" ] && continue
        # find complains of processes that end meanwhile.
        [ -n "$(find /proc/[0-9]*/exe -maxdepth 0 -lname "$programs/*" 2>/dev/null || true)" ] || rm -rf "$programs"
    done
    rm -rf "$folder"/new.*
}

# private_apt RELEASE COMMAND…: apt-get on the sources of that release alone, whatever the host has installed.
private_apt() {
    local folder=$SHARED/unpacked/apt/$1
    shift
    "${APT[@]}" -q -o Dir::Etc::sourcelist=/dev/null -o Dir::Etc::sourceparts="$folder/sources" \
        -o Dir::Etc::preferences=/dev/null -o Dir::Etc::preferencesparts=/dev/null \
        -o Dir::State::lists="$folder/lists" -o Dir::State::status=/dev/null -o Dir::Cache="$folder/cache" -o Acquire::Languages=none -o Acquire::GzipIndexes=true \
        -o APT::Get::AllowUnauthenticated=false -o APT::Sandbox::User=root "$@"
}

# derive_sources RELEASE: the machine's own sources of Debian, moved to that release.
derive_sources() {
    local release=$1 folder=$SHARED/unpacked/apt/$1 file
    rm -rf "$folder/sources"
    mkdir -p "$folder/sources" "$folder/lists/partial" "$folder/cache/archives/partial"
    for file in /etc/apt/sources.list.d/*.sources; do
        [ -f "$file" ] && derive_stanzas "$HOST_RELEASE" "$release" <"$file"
    done >"$folder/sources/debian.sources"
    for file in /etc/apt/sources.list /etc/apt/sources.list.d/*.list; do
        [ -f "$file" ] && derive_lines "$HOST_RELEASE" "$release" <"$file"
    done >"$folder/sources/debian.list"
    cat "$folder/sources/"* | grep -q . || {
        printf 'The sources in /etc/apt name no main part of Debian %s.\n' "$HOST_RELEASE"
        return 1
    }
}

# Debian's own stanzas are those whose suites are the release's and whose components hold "main".
derive_stanzas() {
    awk -v release="$1" -v other_release="$2" '
        BEGIN { RS = ""; FS = "\n" }
        {
            debian = 0
            for (i = 1; i <= NF; i++) {
                if ($i ~ "^Suites:.*[ \t]" release "(-updates|-security)?([ \t]|$)") debian += 1
                if ($i ~ /^Components:.*[ \t]main([ \t]|$)/) debian += 1
                if ($i ~ /^Enabled:[ \t]*no/) debian -= 9
            }
            if (debian == 2) { gsub(release, other_release); print $0 "\n" }
        }'
}

derive_lines() {
    sed -nE "/^deb( \[[^]]*\])? +[^ ]+ +$1(-updates|-security)? +([^#]* )?main( |\$)/s/$1/$2/gp"
}
