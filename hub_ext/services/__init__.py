"""Processes that run beside the Hub."""
