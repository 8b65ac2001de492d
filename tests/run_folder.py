"""The folder of a run of tests, or of a program of theirs: it goes away with the process that began the run."""

import atexit
import os
import shutil
import tempfile
from pathlib import Path

NAME = "TESTS_FOLDER"
"""Of the environment: a worker of pytest-xdist has the folder from whoever started it, who takes it away in the end."""

if NAME not in os.environ:
    os.environ[NAME] = tempfile.mkdtemp(prefix="bourse-tests-")
    atexit.register(shutil.rmtree, os.environ[NAME], ignore_errors=True)

RUN_FOLDER = Path(os.environ[NAME])
