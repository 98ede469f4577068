# shellcheck shell=bash
# The way back for a Debian 12 host that an earlier version changed: it wrote package sources of Debian 13 into
# /etc/apt and installed Docker from them, which raises libc6, dpkg, base-files and more to Debian 13's.

APT_FOLDER=/etc/apt
PROC=/proc
DOCKER_DATA=/var/lib/docker
# Sources of the packages that the earlier version took from Debian 13, or that came with them. A version that
# Debian 13 has replaced since is in no list any more, and not every version says which release it is of.
RAISED_SOURCES='docker.io docker-buildx containerd runc tini glibc dpkg base-files gcc-14 libzstd'
# Debian 12's docker.io is too old for hub-ext, and an older engine must not open what a newer one wrote.
NEVER_DOWNGRADED='docker.io'

# What to do after a failure in the middle.
AGAIN="Run it again: it goes on from there. Do not restart the machine before."

restore_host() {
    local folder own=() plan steps
    dpkg-query --version >/dev/null 2>&1 ||
        refuse "dpkg itself does not start. docs/operate.md, \"A host that an earlier version changed\", says how to put it back."
    folder=$(mktemp -d)
    # shellcheck disable=SC2064
    trap "rm -rf '$folder'" EXIT
    own_options "$folder"
    say "Reading the package sources of this host, without those of an earlier version"
    "${APT[@]}" "${own[@]}" update >"$folder/update.log" 2>&1 ||
        { tail -n 5 "$folder/update.log" >&2; refuse "The package sources cannot be read. $SOURCES_ADVICE Nothing was changed."; }
    [ -n "$(own_release)" ] ||
        refuse "The package sources of this host, without those of hub-ext, name no Debian release. Name the one that it ran before in $APT_FOLDER/sources.list.d, then try again. Nothing was changed."
    plan=$(package_table | restore_plan)
    if [ -n "$(dpkg --audit)" ]; then
        finish_interrupted "$folder" "$plan"
        plan=$(package_table | restore_plan)
    fi
    if [ -z "$plan" ] && [ -z "$(leftover_files)" ]; then
        say "Nothing to do: no file of an earlier version is here, and no package is of a newer Debian."
        return
    fi
    steps=$(simulate "$folder" "$plan")
    refuse_while_containers_run "$steps"
    show_restore "$plan" "$steps"
    confirm_restore
    run_restore "$folder" "$plan"
    verify_restore
    [ -z "$plan" ] || say "Restart it when you can: what runs still has the old libraries."
}

# own_options FOLDER: apt with this host's own sources and preferences, in `own`. The lists of the others stay,
# by which their packages are recognized.
own_options() {
    local kind file
    chmod 755 "$1"
    mkdir -p "$1/archives/partial"
    for kind in sources.list.d preferences.d; do
        mkdir -p "$1/$kind"
        for file in "$APT_FOLDER/$kind"/*; do
            case ${file##*/} in hub-ext-* | '*') ;; *) ln -s "$file" "$1/$kind/" ;; esac
        done
    done
    own=(-o "Dir::Etc::SourceParts=$1/sources.list.d" -o "Dir::Etc::PreferencesParts=$1/preferences.d"
        -o "Dir::Cache::Archives=$1/archives" -o Dir::Cache::pkgcache= -o Dir::Cache::srcpkgcache=
        -o APT::Get::List-Cleanup=0)
}

leftover_files() {
    local file
    for file in "$APT_FOLDER"/preferences.d/hub-ext-* "$APT_FOLDER"/sources.list.d/hub-ext-*; do
        [ ! -e "$file" ] || printf '%s\n' "$file"
    done
}

# Codenames of the Debian releases that this host's own sources offer, on one line.
own_release() {
    LC_ALL=C apt-cache "${own[@]}" policy |
        sed -nE '/[ ,]o=Debian(,|$)/s/.*[ ,]n=([a-z]+).*/\1/p' | sort -u | paste -sd ' '
}

# A line for each installed package: name, version, source, whether it is essential, the newest version of the own
# sources, the one that apt would choose of them, and whether only the others offer the installed version.
package_table() {
    local installed all
    installed=$(installed_packages)
    # A database without packages: the choice is then not bound to what is installed.
    all=$(versions -o Dir::State::status=/dev/null <<<"$installed")
    join_tables "$installed" "$all" "$(versions "${own[@]}" -o Dir::State::status=/dev/null <<<"$installed")"
}

# Half installed ones too: a run that was killed leaves such.
installed_packages() {
    # shellcheck disable=SC2016
    dpkg-query -W -f '${db:Status-Status} ${Package} ${Architecture} ${Version} ${source:Package} ${Essential}\n' |
        awk -v native="$(dpkg --print-architecture)" '$1 != "config-files" && $1 != "not-installed" {
            name = ($3 == native || $3 == "all") ? $2 : $2 ":" $3
            print name, $4, $5, ($6 == "yes" || $2 == "apt") ? "essential" : "-"
        }'
}

# versions OPTION…: of the packages on standard input "NAME CANDIDATE NEWEST OLDER…", as apt offers them.
versions() {
    cut -d ' ' -f 1 | LC_ALL=C xargs -r apt-cache -o Dir::Cache::pkgcache= -o Dir::Cache::srcpkgcache= "$@" policy | policy_rows
}

policy_rows() {
    awk '
        function flush() { if (name != "" && offered != "") print name, candidate offered }
        /^[^ ].*:$/ { flush(); name = substr($0, 1, length($0) - 1); offered = "" }
        /^  Candidate: / { candidate = $2 }
        /^( \*\*\*|    ) [^ ]+ -?[0-9]+$/ { offered = offered " " $(NF - 1) }
        END { flush() }'
}

# join_tables INSTALLED ALL OWN: tables of `installed_packages` and `versions`.
join_tables() {
    awk '
        FILENAME == ARGV[1] { for (i = 3; i <= NF; i++) all[$1 " " $i] = 1; next }
        FILENAME == ARGV[2] { candidate[$1] = $2; newest[$1] = $3; for (i = 3; i <= NF; i++) own[$1 " " $i] = 1; next }
        {
            key = $1 " " $2
            print $0, ($1 in newest) ? newest[$1] : "-", ($1 in newest) ? candidate[$1] : "-",
                (key in all && !(key in own)) ? "theirs" : "-"
        }' <(printf '%s\n' "$2") <(printf '%s\n' "$3") <(printf '%s\n' "$1")
}

# restore_plan: of the rows of `package_table` on standard input "first|down NAME VERSION" or "remove NAME".
# "first" is what an installation itself needs: libc6 of Debian 12 leaves the dpkg of Debian 13 unable to start.
restore_plan() {
    local name installed source essential newest candidate theirs
    while read -r name installed source essential newest candidate theirs; do
        [ "$installed" != "$newest" ] || continue
        of_next_release "$installed" "$source" "$theirs" || continue
        if [ "$newest" = - ]; then
            [ "$source" = glibc ] || printf 'remove %s\n' "$name"
        elif dpkg --compare-versions "$installed" gt "$newest"; then
            way_back "$name" "$source" "$essential" "$candidate"
        fi
    done
}

# way_back NAME SOURCE ESSENTIAL CANDIDATE
way_back() {
    case " $NEVER_DOWNGRADED " in *" $1 "*) printf 'remove %s\n' "$1"; return ;; esac
    case $2:$3 in
        glibc:* | base-files:* | *:-) printf 'down %s %s\n' "$1" "$4" ;;
        *) printf 'first %s %s\n' "$1" "$4" ;;
    esac
}

# of_next_release VERSION SOURCE THEIRS: whether a package is Debian 13's, not somebody else's newer one.
of_next_release() {
    case $1 in *[+~]deb13u*) return 0 ;; esac
    [ "$3" = theirs ] && return 0
    case " $RAISED_SOURCES " in *" $2 "*) return 0 ;; esac
    return 1
}

# apt_arguments WORD…: of the plan on standard input, the lines that begin with one of these words.
apt_arguments() {
    local kind name version
    while read -r kind name version; do
        case " $* " in *" $kind "*) ;; *) continue ;; esac
        if [ "$kind" = remove ]; then printf '%s-\n' "$name"; else printf '%s=%s\n' "$name" "$version"; fi
    done
}

# simulate FOLDER PLAN: apt's own steps "Inst …", "Remv …", from a copy of what is installed. Ends us where apt
# finds no way, or would remove anything for dpkg's sake.
simulate() {
    local first all
    mapfile -t first < <(apt_arguments first <<<"$2")
    mapfile -t all < <(apt_arguments first down remove <<<"$2")
    if [ ${#first[@]} -gt 0 ]; then
        restore_apt -s "${first[@]}" >"$1/first.log" 2>&1 || no_way "$1/first.log"
        ! grep -q '^Remv' "$1/first.log" || no_way "$1/first.log"
    fi
    [ ${#all[@]} -eq 0 ] || restore_apt -s "${all[@]}" >"$1/all.log" 2>&1 || no_way "$1/all.log"
    [ ${#all[@]} -eq 0 ] || grep -E '^(Inst|Remv) ' "$1/all.log" || true
}

no_way() {
    tail -n 15 "$1" >&2
    refuse "apt finds no safe way back: see above which package stands in it. Remove or unhold that one, then try again. Nothing was changed."
}

restore_apt() {
    LC_ALL=C "${APT[@]}" "${own[@]}" --allow-downgrades --no-install-recommends install "$@"
}

# refuse_while_containers_run STEPS: only where an engine's packages are among them.
refuse_while_containers_run() {
    local process
    grep -qE '^(Inst|Remv) (docker\.io|containerd|runc) ' <<<"$1" || return 0
    process=$(process_of '/usr/bin/containerd-shim*')
    [ -z "$process" ] ||
        refuse "Containers run in this host's engine (process $process, for one). Stop them first: docker ps shows them. Nothing was changed."
    # Without systemd nobody stops the engine when its package goes.
    [ ! -d /run/systemd/system ] || return 0
    process=$(process_of '/usr/*bin/dockerd' '/usr/bin/containerd')
    [ -z "$process" ] || refuse "This host's engine runs (process $process). Stop it first. Nothing was changed."
}

# process_of PATTERN…: the first process whose program matches one. Those of other roots, such as a container's,
# are not this host's.
process_of() {
    local entry program pattern
    for entry in "$PROC"/[0-9]*; do
        program=$(readlink "$entry/exe") || continue
        [ "$entry/root" -ef / ] || continue
        for pattern in "$@"; do
            # shellcheck disable=SC2254
            case ${program% (deleted)} in $pattern) printf '%s' "${entry##*/}"; return ;; esac
        done
    done
}

# show_restore PLAN STEPS
show_restore() {
    local files volumes
    files=$(leftover_files | sed 's/^/  /')
    printf 'This takes the host back to Debian %s, as its own package sources name it.\n' "$(own_release)"
    [ -z "$2" ] || printf 'Packages:\n%s\n' "$(step_lines <<<"$2" | sort)"
    [ -z "$files" ] || printf 'Files that go:\n%s\n' "$files"
    if grep -q '^remove docker\.io$' <<<"$1"; then
        volumes=$({ find "$DOCKER_DATA/volumes" -mindepth 1 -maxdepth 1 -type d 2>/dev/null || true; } | wc -l)
        printf 'Kept: %s with %s volumes. An engine that hub-ext starts from now on has a folder of its own and does\nnot have the homes in them: docs/operate.md says how to carry them over.\n' "$DOCKER_DATA" "$volumes"
    fi
    [ -z "$2" ] || printf 'Debian does not promise that a downgrade works. This one was tried on Debian 12 alone; have a backup of what\nmatters, let it run to its end, and restart the machine afterwards.\n'
} >&2

# "Inst NAME [OLD] (NEW …" -> "  NAME OLD -> NEW".
step_lines() {
    sed -E -e 's/^Remv ([^ ]+) \[([^]]*)\].*/  \1 \2 is removed/' \
        -e 's/^Inst ([^ ]+) \[([^]]*)\] \(([^ ]+) .*/  \1 \2 -> \3/' \
        -e 's/^Inst ([^ ]+) \(([^ ]+) .*/  \1 \2 is installed/'
}

confirm_restore() {
    local answer
    [ "${HUB_EXT_YES:-}" = 1 ] && return
    printf 'Type yes to go on (HUB_EXT_YES=1 answers by itself).\n' >&2
    read -r answer || answer=no
    [ "$answer" = yes ] || refuse "Nothing was changed."
}

# finish_interrupted FOLDER PLAN: of a run that was killed. apt would ask for the archive of the version that was
# installed before, which no source offers any more. What cannot be configured yet, the next steps do.
finish_interrupted() {
    local name package packages=()
    while read -r name; do
        package=$(awk -v name="$name" '$1 != "remove" && $2 == name' <<<"$2" | apt_arguments first down)
        [ -z "$package" ] || packages+=("$package")
    done < <(half_unpacked)
    printf 'dpkg was interrupted. First it finishes: dpkg --configure -a%s\n' "${packages[*]:+, and unpacks again ${packages[*]}}" >&2
    confirm_restore
    for package in "${packages[@]}"; do
        say "Unpacking $package"
        (cd "$1" && "${APT[@]}" "${own[@]}" download "$package" &&
            dpkg --unpack --auto-deconfigure "${package%%[:=]*}"_*.deb) >>"$1/unpack.log" 2>&1 ||
            { tail -n 5 "$1/unpack.log" >&2; refuse "$package could not be unpacked. $AGAIN"; }
    done
    dpkg --configure -a >>"$1/unpack.log" 2>&1 || true
}

half_unpacked() {
    # shellcheck disable=SC2016
    dpkg-query -W -f '${db:Status-Eflag} ${Package} ${Architecture}\n' |
        awk -v native="$(dpkg --print-architecture)" '$1 == "reinstreq" {
            print ($3 == native || $3 == "all") ? $2 : $2 ":" $3
        }'
}

# run_restore FOLDER PLAN: everything is fetched before anything is unpacked; the files go last, so that a run
# that was interrupted goes on from there.
run_restore() {
    local first rest file
    mapfile -t first < <(apt_arguments first <<<"$2")
    mapfile -t rest < <(apt_arguments down remove <<<"$2")
    if [ -n "$2" ]; then
        long "Fetching packages" "$SOURCES_ADVICE Nothing was changed." restore_apt --download-only "${first[@]}" "${rest[@]}"
        [ ${#first[@]} -eq 0 ] || long "Taking back ${first[*]}" "$AGAIN" restore_apt "${first[@]}"
        [ ${#rest[@]} -eq 0 ] || long "Taking back ${rest[*]}" "$AGAIN" restore_apt "${rest[@]}"
        # The package leaves a script there, by which a later purge of it would delete every volume.
        [ -e /usr/sbin/dockerd ] || rm -f "$DOCKER_DATA/nuke-graph-directory.sh"
    fi
    while read -r file; do [ -z "$file" ] || rm -f "$file"; done < <(leftover_files)
    long "Reading the package sources" "$SOURCES_ADVICE" "${APT[@]}" update
}

verify_restore() {
    local faults='' release
    release=$(sed -n 's/^VERSION_CODENAME=//p' /etc/os-release)
    [ -z "$(dpkg --audit)" ] || faults+=" dpkg --audit names packages."
    apt-get check >/dev/null 2>&1 || faults+=" apt-get check fails."
    [ -z "$(package_table | restore_plan)" ] || faults+=" Packages of a newer Debian are left: $(package_table | restore_plan | paste -sd ' ')."
    case " $(own_release) " in *" $release "*) ;; *) faults+=" /etc/os-release says $release." ;; esac
    [ -z "$faults" ] || refuse "The host is not as its package sources say.$faults"
    say "Done: this host is Debian $release, as its package sources say."
}
