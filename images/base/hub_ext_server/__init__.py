"""What these images add to JupyterLab's server: a faster start, and the state of kernels that died."""
