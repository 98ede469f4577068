"""hub-ext: JupyterHub for notebooks on confidential data."""

__version__ = "0.1.0"
