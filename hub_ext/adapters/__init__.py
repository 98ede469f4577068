"""The only input and output: one package per outside system, none knowing another."""
