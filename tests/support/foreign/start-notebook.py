#!/usr/bin/env python
"""The command of such images."""

import os
import sys

os.execvp("jupyter", ["jupyter", "lab", *sys.argv[1:]])  # noqa: S606
