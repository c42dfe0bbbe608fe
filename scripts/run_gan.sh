#!/usr/bin/env bash
# From a machine that has only Python to a running mindgan: sets up .venv once, then hands every argument on.
#   bash scripts/run_gan.sh mnist --epochs 5
#   bash scripts/run_gan.sh stylegan --data_url my_images
# PYTHON=/path/to/python chooses the Python of .venv.
set -euo pipefail
source "$(dirname -- "${BASH_SOURCE[0]}")/common.sh"

set_up
export PYTHONSAFEPATH=1 # a file of the user's folder, such as random.py, must not come before Python's (3.11 and later)
exec "$venv_python" -m mindgan "$@"
