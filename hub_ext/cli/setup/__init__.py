"""Preparing a machine and an instance: what `make run`, `make test` and `make images` share."""
