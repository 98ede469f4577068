# shellcheck shell=bash
# The locks under deploy/ and images/.

# From the main source only: local extras may hold some of a version's files, and their hashes alone.
make_locks() {
    local compile
    unset UV_INDEX UV_FIND_LINKS
    compile=("$UV" pip compile --quiet --upgrade --universal --python-version 3.11 --generate-hashes --no-emit-index-url --custom-compile-command "make lock")
    cd "$CHECKOUT/deploy" || return 1
    lock_one "${compile[@]}" -o requirements.txt ../pyproject.toml requirements.in
    lock_one "${compile[@]}" -o requirements-test.txt --constraint requirements.txt --extra test ../pyproject.toml requirements.in
    lock_one "${compile[@]}" -o requirements-uv.txt requirements-uv.in
    lock_one "${compile[@]}" -o requirements-node.txt requirements-node.in
    lock_one "${compile[@]}" --no-deps -o requirements-htmx.txt requirements-htmx.in
    rm -f node/package-lock.json
    long "Locking what npm brings" "$NPM_ADVICE" npm_lock
}

# lock_images [IMAGE]: the requirements of all images or of one, for the Python inside them.
lock_images() {
    unset UV_INDEX UV_FIND_LINKS
    PATH=$(dirname "$UV"):$PATH long "Locking the requirements of ${1:-all images}" "$PIP_ADVICE" "$CHECKOUT/images/lock" "$@"
}

lock_one() {
    long "Locking ${*: -1}" "$PIP_ADVICE" "$@"
}

npm_lock() {
    local path=$PATH
    [ ! -x "$CHECKOUT/.state/node/node" ] || path=$(dirname "$(readlink -f "$CHECKOUT/.state/node/node")"):$PATH
    (cd node && PATH=$path npm install --package-lock-only --omit-lockfile-registry-resolved --no-audit --no-fund)
}
