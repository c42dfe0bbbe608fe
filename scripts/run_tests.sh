#!/usr/bin/env bash
# All that is checked: style, types and tests, after its own set-up. Every argument is handed to pytest.
#   bash scripts/run_tests.sh -k batches
#   bash scripts/run_tests.sh -n 0        # in one process
set -euo pipefail
source "$(dirname -- "${BASH_SOURCE[0]}")/common.sh"

failed=''

# check NAME COMMAND...
check() {
  local name=$1
  shift
  say "$name"
  "$@" || failed="$failed, $name"
}

set_up
set_up dev
cd -- "$root"
check 'ruff check' "$venv_python" -m ruff check .
check 'ruff format' "$venv_python" -m ruff format --check .
check 'mypy' "$venv_python" -m mypy
[ -z "$failed" ] || say "failed: ${failed#, }"
check 'pytest' "$venv_python" -m pytest -rs -n logical --maxprocesses 4 --dist loadfile "$@"
[ -z "$failed" ]
