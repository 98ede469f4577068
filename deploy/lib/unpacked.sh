# shellcheck shell=bash
# Debian's packages that are unpacked under the state and never installed: docker-registry and nginx, whose
# installation would start a server, and an engine where the host has none that is new enough. Each is checked by
# apt's own signatures, on lists and sources in folders of our own; no source passes for Debian's that does not say
# so in its Release.
#
#   $SHARED/unpacked/current       the programs, and packages.tsv: package, version, release, day of its publication
#   $SHARED/unpacked/looked        when Debian was last asked for newer ones
#   $SHARED/unpacked/apt/RELEASE   sources, preferences and lists of that release

# Servers of every instance, from the host's own release. Dependencies are not unpacked. What nginx needs beside these
# (libc6, libcrypt1, libpcre2-8-0, libssl3, zlib1g, and liblzma5 for libxml2) comes with openssl, which is installed,
# and with packages that no Debian is without: dpkg, login and libselinux1.
HOST_PACKAGES=(docker-registry libbrotli1 libnginx-mod-http-brotli-filter libnginx-mod-http-js nginx)
# dockerd and its companions, which need the libraries of Debian 12 and no newer ones.
ENGINE_PACKAGES=(containerd docker-buildx docker-cli docker.io)
# What they start. runc alone needs a newer libc in the next release.
ENGINE_COMPANIONS=(runc tini)
ENGINE_RELEASE=trixie
LOOK_AGAIN_MINUTES=1440

# unpacked_packages RELEASE: the packages to unpack from that release, for the chosen ENGINE. An engine of our own
# that has data may run for another state of this checkout: its programs stay among them.
unpacked_packages() {
    # shellcheck disable=SC2153
    local packages=() engine=$ENGINE
    [ ! -d "$SHARED/engine/data" ] || engine=private
    if [ "$1" = "$HOST_RELEASE" ]; then
        packages+=("${HOST_PACKAGES[@]}")
        # nginx's JavaScript parses XML from Debian 13 on.
        [ "$1" = bookworm ] || packages+=(libxml2)
        [ "$engine" != private ] || packages+=("${ENGINE_COMPANIONS[@]}")
    fi
    if [ "$1" = "$ENGINE_RELEASE" ]; then
        case $engine in
            private) packages+=("${ENGINE_PACKAGES[@]}") ;;
            machine) has_build_client || packages+=(docker-buildx docker-cli) ;;
        esac
    fi
    printf '%s\n' "${packages[@]}"
}

# ensure_unpacked [now]: what is needed is there; Debian is asked for newer ones once a day, or now.
ensure_unpacked() {
    local folder=$SHARED/unpacked when=${1:-} log=$STATE/logs/bootstrap.log all_read=yes fetched=no offered version
    mkdir -p "$folder"
    exec 8>>"$folder/lock"
    flock 8
    if is_unpacked && [ -z "$when" ] && [ -n "$(find "$folder/looked" -mmin "-$LOOK_AGAIN_MINUTES" 2>/dev/null)" ]; then
        exec 8>&-
        return
    fi
    attempt "Looking for Debian's newest engine, registry and nginx" read_releases || all_read=no
    # A source that fails stops nobody, as long as the others offer all that is needed.
    if offered=$(offered_files 2>>"$log"); then
        version=$(printf '%s\n' "$offered" | sha256sum | cut -c -12)
        if [ "$(readlink "$folder/current")" != "$version" ] || ! is_unpacked; then
            list_offered "$offered"
            if attempt "Fetching and unpacking them" unpack_releases "$version"; then
                fetched=yes
            elif is_unpacked; then
                all_read=no
            else
                tail -n 12 "$log" >&2
                refuse "Fetching and unpacking them failed. $SOURCES_ADVICE The whole log is $log."
            fi
        fi
    elif is_unpacked; then
        all_read=no
    elif [ "$all_read" = no ]; then
        refuse "Debian's package sources cannot be read. $SOURCES_ADVICE Missing: $(not_offered). The whole log is $log."
    else
        refuse "Debian's package sources do not offer $(not_offered). $SOURCES_ADVICE The whole log is $log."
    fi
    if [ "$all_read" = yes ]; then
        touch "$folder/looked"
    elif [ "$fetched" = yes ]; then
        say "Not every package source answers; the others offer what is needed."
    else
        say "Not every package source answers: going on with what was unpacked before."
    fi
    remove_unused_programs
    exec 8>&-
}

# Whether all that is needed was unpacked, in whatever version.
is_unpacked() {
    has_packages "$SHARED/unpacked/current"
}

# has_packages FOLDER: whether its table, which is written last, names all that is needed.
has_packages() {
    local name release
    for release in $(releases); do
        for name in $(unpacked_packages "$release"); do
            awk -F '\t' -v name="$name" '$1 == name && NF == 4 { found = 1 } END { exit !found }' "$1/packages.tsv" 2>/dev/null || return 1
        done
    done
}

releases() {
    local release
    for release in "$HOST_RELEASE" "$ENGINE_RELEASE"; do
        [ -z "$(unpacked_packages "$release")" ] || printf '%s\n' "$release"
    done | sort -u
}

# All of them are read, whichever fails.
read_releases() {
    local release status=0
    for release in $(releases); do
        prepare_apt "$release" && private_apt "$release" --error-on=any update || status=1
    done
    return "$status"
}

# list_offered FILES: say what is unpacked, from which release and how large.
list_offered() {
    {
        awk '{ bytes += $3 } END {
            packages = NR == 1 ? "1 package" : NR " packages"
            printf "\nTo be unpacked, not installed: %s, %d MB to fetch, ", packages, bytes / 1e6 + 0.5
        }' <<<"$1"
        printf 'under %s:\n' "$SHARED/unpacked"
        sed -E 's/^([^ ]+) ([^_]+)_([^_]+)_.* .*/  \2 \3 (Debian \1)/; s/%3a/:/' <<<"$1"
        printf '\n'
    } >&2
}

# unpack_releases VERSION: beside what runs, then name it `current`. `set -e` is off in here: every step is checked.
# A version that is complete is left alone, for an engine may run from it.
unpack_releases() {
    local folder=$SHARED/unpacked version=${1:?} new aside
    if ! has_packages "$folder/$version"; then
        new=$(mktemp -d "$folder/new.XXXXXX") && chmod 755 "${new:?}" || return 1
        unpack_into "$new" || {
            rm -rf "${new:?}"
            return 1
        }
        if [ -e "$folder/$version" ]; then
            aside=$(mktemp -d "$folder/old.XXXXXX") && mv "$folder/$version" "${aside:?}/" || return 1
        fi
        mv "$new" "$folder/$version" || return 1
    fi
    ln -sfn "$version" "$folder/current"
}

# unpack_into FOLDER: the packages of all releases; their table last, whole or not at all.
unpack_into() {
    local folder=${1:?} release
    : >"$folder/packages.tsv.new" || return 1
    for release in $(releases); do unpack_release "$release" "$folder" || return 1; done
    rm -rf "${folder:?}/usr/share" || return 1
    mv "$folder/packages.tsv.new" "$folder/packages.tsv" || return 1
    has_packages "$folder"
}

# The names of the files that Debian offers, with their sizes: one line each, the same while nothing is newer.
# Fails where any that is needed is not offered.
offered_files() {
    local release folder lines status=0
    folder=$(mktemp -d) || return 1 # apt leaves out what lies in the folder already
    for release in $(releases); do
        # shellcheck disable=SC2046
        lines=$(cd "$folder" && private_apt "$release" download --print-uris $(unpacked_packages "$release")) || {
            status=1
            break
        }
        sed -nE "s/^'[^']*' ([^ ]+ [0-9]+) .*/$release \1/p" <<<"$lines"
    done
    rmdir "$folder"
    return "$status"
}

# Packages that are needed and that no source offers, on one line: "runc of Debian bookworm, …".
not_offered() {
    local release name names=''
    for release in $(releases); do
        for name in $(unpacked_packages "$release"); do
            (cd / && private_apt "$release" download --print-uris "$name") >/dev/null 2>&1 || names+=", $name of Debian $release"
        done
    done
    printf '%s' "${names#, }"
}

# unpack_release RELEASE FOLDER
unpack_release() {
    local release=$1 folder=${2:?} fetched=$2/fetched packages sums name version file
    mapfile -t packages < <(unpacked_packages "$release")
    mkdir "$fetched" && give_to_apt "$fetched" || return 1
    sums=$(cd "$fetched" && private_apt "$release" download --print-uris "${packages[@]}") || return 1
    sums=$(sed -nE "s/^'[^']*' ([^ ]+) [0-9]+ SHA256:([0-9a-f]{64})$/\2  \1/p" <<<"$sums")
    (cd "$fetched" && private_apt "$release" download "${packages[@]}") || return 1
    # The user as whom apt fetches could write there: what is unpacked is compared with what Debian signed.
    chown 0:0 "$fetched" && chmod 700 "$fetched" || return 1
    (cd "$fetched" && sha256sum --check --strict <<<"$sums") || return 1
    while read -r _ file; do
        file=$fetched/$file
        dpkg-deb -x "$file" "$folder" || return 1
        name=$(dpkg-deb -f "$file" Package) && version=$(dpkg-deb -f "$file" Version) || return 1
        printf '%s\t%s\t%s\t%s\n' "$name" "$version" "$release" "$(published "$folder" "$name")" >>"$folder/packages.tsv.new" || return 1
    done <<<"$sums"
    rm -rf "$fetched"
}

# give_to_apt FOLDER…: to the user as whom apt fetches. Where that one cannot reach them, apt fetches as root.
give_to_apt() {
    ! id _apt >/dev/null 2>&1 || chown _apt "$@"
}

# published FOLDER PACKAGE: the day of the newest entry in its changelog; nothing where there is none.
published() {
    local changelog=$1/usr/share/doc/$2/changelog.Debian.gz day
    day=$(zcat "$changelog" 2>/dev/null | sed -nE '/^ -- .*>  /{s///p;q}') || true
    [ -z "$day" ] || date -u -d "$day" +%F
}

programs_on_path() {
    export PATH=$STATE/venv/bin:$SHARED/unpacked/current/usr/sbin:$SHARED/unpacked/current/usr/bin:$PATH
}

# Such as "docker.io 26.1.5+dfsg1-9 runc 1.1.5": on one line.
unpacked_versions() {
    cut -f 1,2 "$SHARED/unpacked/current/packages.tsv" | tr '\t\n' '  ' | sed 's/ $//'
}

# Earlier programs, but for those that an engine which still runs was started from. Called under the lock.
remove_unused_programs() {
    local folder programs current
    folder=$(realpath "$SHARED/unpacked") && current=$(realpath "$folder/current") || return 0
    rm -rf "${folder:?}"/new.*
    for programs in "$folder"/*/; do
        programs=${programs%/}
        case $programs in "$folder/apt" | "$folder/current" | "$current") continue ;; esac
        is_running_from "$programs" || rm -rf "${programs:?}"
    done
}

# is_running_from FOLDER: whether a process runs a program in it. The path is no pattern.
is_running_from() {
    local program
    while read -r program; do
        [ "${program#"$1"/}" = "$program" ] || return 0
    done < <(readlink /proc/[0-9]*/exe 2>/dev/null) # fails for processes of the kernel, and those that end
    return 1
}

# private_apt RELEASE COMMAND…: apt-get on the sources of that release alone, whatever the host has installed, and
# whatever its own settings allow.
private_apt() {
    local folder=$SHARED/unpacked/apt/$1
    shift
    "${APT[@]}" -q -o Dir::Etc::sourcelist=/dev/null -o Dir::Etc::sourceparts="$folder/sources" \
        -o Dir::Etc::preferences="$folder/preferences" -o Dir::Etc::preferencesparts=/dev/null \
        -o Dir::State::lists="$folder/lists" -o Dir::State::status=/dev/null -o Dir::Cache="$folder/cache" -o Acquire::Languages=none -o Acquire::GzipIndexes=true \
        -o Acquire::AllowInsecureRepositories=false -o Acquire::AllowWeakRepositories=false -o Acquire::AllowDowngradeToInsecureRepositories=false \
        -o APT::Get::AllowUnauthenticated=false "$@"
}

# prepare_apt RELEASE: its folders, sources and preferences.
prepare_apt() {
    local release=$1 folder=$SHARED/unpacked/apt/$1
    rm -rf "${folder:?}/sources" || return 1
    mkdir -p "$folder/sources" "$folder/lists/partial" "$folder/cache/archives/partial" || return 1
    give_to_apt "$folder/lists/partial" "$folder/cache/archives/partial" || return 1
    # The first that matches counts.
    printf 'Package: *\nPin: release o=Debian\nPin-Priority: 500\n\nPackage: *\nPin: release *\nPin-Priority: -1\n' >"$folder/preferences" || return 1
    # An address may hold a password.
    (umask 077 && derive_sources "$release" >"$folder/sources/debian.sources")
}

# derive_sources RELEASE: the machine's own sources of Debian, moved to that release.
derive_sources() {
    PYTHONPATH=$CHECKOUT PYTHONDONTWRITEBYTECODE=1 "$(system_python)" -m hub_ext.cli.setup.package_sources "$1"
}
