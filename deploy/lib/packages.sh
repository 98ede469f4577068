# shellcheck shell=bash
# Debian's packages, from the machine's own sources. No address of a source is written here.

export DEBIAN_FRONTEND=noninteractive NEEDRESTART_MODE=l
APT=(apt-get -y -o DPkg::Lock::Timeout=300 -o Acquire::Retries=2 -o Acquire::http::Timeout=20 -o Acquire::https::Timeout=20)
# shellcheck disable=SC2034
NEEDED=(ca-certificates docker-registry iproute2 iptables mmdebstrap openssl procps python3 python3-venv)
# shellcheck disable=SC2034
NEEDED_FOR_TESTS=(apache2-utils chromium)
SOURCES_ADVICE="Are the package sources in /etc/apt reachable? 'apt-get update' tells."

is_installed() {
    [ "$(dpkg-query -W -f '${db:Status-Status}' "$1" 2>/dev/null)" = installed ]
}

# ensure_packages NAME…: install what is missing. A download that fails leaves the machine as it was.
ensure_packages() {
    local missing=() name
    for name in "$@"; do is_installed "$name" || missing+=("$name"); done
    [ ${#missing[@]} -eq 0 ] && return
    update_lists
    install_packages "Debian packages: ${missing[*]}" "${missing[@]}"
}

# install_packages SENTENCE ARGUMENT…
install_packages() {
    local sentence=$1
    shift
    long "Fetching $sentence" "$SOURCES_ADVICE" "${APT[@]}" install --no-install-recommends --download-only "$@"
    long "Installing $sentence" "" "${APT[@]}" install --no-install-recommends "$@"
}

# Once an hour at most. A source that is down is no failure by itself: what is missing shows at the install.
update_lists() {
    [ -n "${LISTS_UPDATED:-}" ] && return
    LISTS_UPDATED=yes
    # A set-up that was killed in the middle of dpkg's work goes on from there.
    long "Finishing what dpkg left undone" "" dpkg --configure -a
    long "Reading the package sources" "$SOURCES_ADVICE" "${APT[@]}" update
}

# candidate NAME: the version that apt would install.
candidate() {
    LC_ALL=C apt-cache policy "$1" | sed -n 's/^  Candidate: //p'
}

major() {
    local text=${1#*:}
    text=${text%%[!0-9]*}
    printf '%s' "${text:-0}"
}
