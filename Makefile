# The same few words everywhere. `make` alone says what they do.
.DEFAULT_GOAL := help
.PHONY: help run run-oidc test test-install test-guest bench bench-quick images lint lock lock-image clean-state restore-host

help:  ## say what each word does
	@sed -nE 's/^([a-z-]+):.*## /  make \1@/p' $(MAKEFILE_LIST) | awk -F@ '{ printf "%-20s %s\n", $$1, $$2 }'

run:  ## prepare this machine and run hub-ext in the foreground, all its state under .state/
	@exec deploy/bootstrap run

run-oidc:  ## the same behind an OpenID Connect provider of its own, state under .state/oidc/
	@exec deploy/bootstrap run-oidc

test:  ## prepare what the tests need, then check and test everything
	@exec deploy/bootstrap test

test-install:  ## `make run` and `make clean-state` on untouched Debian; RELEASE=bookworm or trixie for one alone
	@exec deploy/bootstrap test-install "$(RELEASE)"

test-guest:  ## run what a host's systemd, cgroup v2 and AppArmor decide about in a virtual machine: an hour
	@exec deploy/bootstrap test-guest

bench:  ## measure hub-ext beside stock DockerSpawner and the bare host: an hour, writes bench/results/
	@exec deploy/bootstrap bench

bench-quick:  ## the short version that CI runs: some five minutes, fails where a ratio is beyond its bound
	@exec deploy/bootstrap bench-quick

images:  ## build and push the images whose recipes changed
	@exec deploy/bootstrap images

lint:  ## style, types and import contracts, without the tests
	@exec deploy/bootstrap lint

lock:  ## choose the newest versions of all that is pinned
	@exec deploy/bootstrap lock

lock-image:  ## the same for one image: make lock-image IMAGE=mine
	@exec deploy/bootstrap lock-image "$(IMAGE)"

clean-state:  ## remove .state/ and what this instance has in the engine, homes included
	@exec deploy/bootstrap clean-state

restore-host:  ## take back what an earlier version changed in this host's packages; asks first
	@exec deploy/bootstrap restore-host
