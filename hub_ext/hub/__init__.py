"""Thin shells that JupyterHub calls: gather the request, call the flow, turn a refusal into an answer."""
