# shellcheck shell=bash
# Debian's packages, from the machine's own sources. No address of a source is written here.

export DEBIAN_FRONTEND=noninteractive NEEDRESTART_MODE=l
APT=(apt-get -y -o DPkg::Lock::Timeout=300 -o Acquire::Retries=2 -o Acquire::http::Timeout=20 -o Acquire::https::Timeout=20)
# shellcheck disable=SC2034
NEEDED=(ca-certificates iproute2 iptables mmdebstrap openssl procps python3 python3-venv)
# shellcheck disable=SC2034
NEEDED_FOR_TESTS=(apache2-utils chromium curl firefox-esr git gnupg nftables slirp4netns)
# shellcheck disable=SC2034
NEEDED_FOR_INSTALL_TEST=(git iproute2 iptables mmdebstrap python3 python3-venv slirp4netns)
# shellcheck disable=SC2034
NEEDED_FOR_GUEST=(e2fsprogs git qemu-system-x86)
SOURCES_ADVICE="Are the package sources in /etc/apt reachable? 'apt-get update' tells."

is_installed() {
    [ "$(dpkg-query -W -f '${db:Status-Status}' "$1" 2>/dev/null)" = installed ]
}

# ensure_packages NAME…: install what is missing, once it has been listed. A download that fails leaves the
# machine as it was.
ensure_packages() {
    local missing=() name
    for name in "$@"; do is_installed "$name" || missing+=("$name"); done
    [ ${#missing[@]} -eq 0 ] && return
    update_lists
    list_installation "${missing[@]}"
    long "Fetching Debian packages: ${missing[*]}" "$SOURCES_ADVICE" "${APT[@]}" install --no-remove --no-install-recommends --download-only "${missing[@]}"
    configure_installed_engine
    long "Installing Debian packages: ${missing[*]}" "" "${APT[@]}" install --no-remove --no-install-recommends "${missing[@]}"
}

# list_installation NAME…: say what apt would install with these packages, from where and how large, and keep
# the names in $STATE/installed-packages, for whoever removes hub-ext.
list_installation() {
    local plan kept=$STATE/installed-packages
    plan=$(installation_plan "$@") || refuse "apt cannot install $* beside what is there. $SOURCES_ADVICE Nothing was changed."
    awk '$2 == "new" { print $1 }' <<<"$plan" | sort -u - <(cat "$kept" 2>/dev/null) >"$kept.new"
    mv "$kept.new" "$kept"
    {
        printf '\nOn this host will be installed, from the sources in /etc/apt: %s\n' "$(installation_size "$plan" "$@")"
        awk '{ printf "  %s %s (%s%s)\n", $1, $3, $4, $2 == "new" ? "" : ", instead of " $2 }' <<<"$plan"
        printf 'Under %s: Python packages and images, 5 GB in all.\n' "$STATE"
        printf 'Written outside of it: %s\n' "$(files_of_ours)"
        printf "'make clean-state' takes away what is hub-ext's, and names these packages, which stay.\n\n"
    } >&2
    confirm_installation
}

# Somebody at a terminal can still leave the host as it is.
confirm_installation() {
    [ -t 0 ] && [ "${HUB_EXT_YES:-}" != 1 ] || return 0
    printf 'Press Enter to go on, or Ctrl-C to leave the host as it is (HUB_EXT_YES=1 goes on by itself). ' >&2
    read -r _ || refuse "Nothing was installed."
}

files_of_ours() {
    [ "$ENGINE" != install ] || printf '/etc/docker/daemon.json, '
    printf '%s' "/etc/docker/certs.d/ADDRESS/ca.crt (this instance's registry), /run/hub-ext, firewall rules named HUB-EXT-…, and the download caches of pip, uv and npm in $HOME"
}

# installation_plan NAME…: a line for each package: name, "new" or the version that it replaces, version, origin.
installation_plan() {
    local simulation
    simulation=$(LC_ALL=C apt-get -s install --no-install-recommends "$@") || return 1
    ! grep -q '^Remv ' <<<"$simulation" || {
        printf 'apt would remove from this host: %s\n' "$(sed -n 's/^Remv \([^ ]*\).*/\1/p' <<<"$simulation" | paste -sd ' ')" >&2
        return 1
    }
    sed -nE 's/^Inst ([^ ]+) (\[([^]]+)\] )?\(([^ ]+) ([^ ,]+).*/\1 \3 \4 \5/p' <<<"$simulation" |
        awk 'NF == 3 { print $1, "new", $2, $3; next } { print }'
}

# installation_size PLAN NAME…: such as "43 packages, 61 MB to fetch, 214 MB on disk".
installation_size() {
    local plan=$1 fetched disk
    shift
    fetched=$(apt-get -qq --print-uris install --no-install-recommends "$@" | awk '{ bytes += $3 } END { print int(bytes / 1e6 + 0.5) }')
    # shellcheck disable=SC2046
    disk=$(apt-cache show $(awk '{ print $1 "=" $3 }' <<<"$plan") | awk '/^Installed-Size:/ { kib += $2 } END { print int(kib * 1.024e-3 + 0.5) }')
    printf '%s packages, %s MB to fetch, %s MB on disk' "$(wc -l <<<"$plan")" "$fetched" "$disk"
}

# Once for each run. A source that is down is no failure by itself: what is missing shows at the install.
update_lists() {
    [ -n "${LISTS_UPDATED:-}" ] && return
    LISTS_UPDATED=yes
    # A set-up that was killed in the middle of dpkg's work goes on from there.
    [ -z "$(dpkg --audit)" ] || long "Finishing what dpkg left undone" "" dpkg --configure -a
    long "Reading the package sources" "$SOURCES_ADVICE" "${APT[@]}" update
}

major() {
    local text=${1#*:}
    text=${text%%[!0-9]*}
    printf '%s' "${text:-0}"
}
