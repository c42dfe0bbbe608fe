# What run_gan.sh and run_tests.sh share: the set-up of .venv in the project's folder. To be sourced; bash 3.2 will do.

root=$(CDPATH='' cd -- "$(dirname -- "${BASH_SOURCE[0]}")/.." && pwd -P)
venv=$root/.venv
venv_python=$venv/bin/python
lock_file=$root/.venv.lock # holds a word while a base installation is under way or was broken off
log_file=$root/.venv.log
build_tools='setuptools>=77,<85' # as in pyproject.toml

say() { printf 'mindgan: %s\n' "$*" >&2; }

# fail CODE MESSAGE...
fail() {
  local code=$1
  shift
  say "$@"
  exit "$code"
}

# describe PYTHON: `VERSION PLATFORM venv|no-venv EXECUTABLE`, nothing where it does not run, as a pyenv shim may.
# The executable is never one of a virtual environment: .venv may be active, and may have to be made again.
describe() {
  "$1" -I -c '
import sys, sysconfig
try:
    import ensurepip, venv
    ensurepip.version()
    able = "venv"
except Exception:
    able = "no-venv"
version = "%d.%d" % sys.version_info[:2]
print(version, sysconfig.get_config_var("SOABI"), able, getattr(sys, "_base_executable", sys.executable))
' </dev/null 2>/dev/null || true
}

version_of() {
  local description
  description=$(describe "$1")
  printf '%s' "${description%% *}"
}

# Every Python worth a look, a line each, the best first.
candidates() {
  if [ -n "${PYTHON:-}" ]; then
    printf '%s\n' "$PYTHON"
    return
  fi
  printf '%s\n' "$venv_python"
  local name
  for name in python3.11 python3.12 python3.10 python3 python; do
    type -aP "$name" || true
  done 2>/dev/null # a reader that has found its Python closes the pipe
}

# The first Python that MindSpore has wheels for and that can make virtual environments. Platforms are told here and not
# by pip, which would take the wheel of Linux on aarch64, tagged `any`, for every platform that has none.
find_python() {
  local candidate version platform able executable others='' unable='' foreign=''
  while IFS= read -r candidate; do
    read -r version platform able executable <<<"$(describe "$candidate")"
    case "$version $platform $able" in
      '  ') ;;
      3.1[012]\ *-x86_64-linux-gnu*\ venv | 3.1[012]\ *-aarch64-linux-gnu*\ venv | 3.1[012]\ *-darwin*\ venv)
        printf '%s\n' "$executable"
        return
        ;;
      3.1[012]\ *\ no-venv) unable=$version ;;
      3.1[012]\ *) foreign="$platform" ;;
      *) case ", $others, " in *", $version, "*) ;; *) others=${others:+$others, }$version ;; esac ;;
    esac
  done < <(candidates)
  explain_no_python
}

# Ends with what is wrong with the Pythons that find_python saw, and the way out.
explain_no_python() {
  local way_out='install one, or name one with PYTHON=/path/to/python'
  if [ -n "$unable" ]; then
    fail 2 "Python $unable cannot make virtual environments; on Debian or Ubuntu: apt-get install python$unable-venv"
  elif [ -n "$foreign" ]; then
    fail 2 "MindSpore has no wheel for this Python ($foreign), only for 64-bit macOS and Linux with glibc"
  elif [ -n "${PYTHON:-}" ]; then
    fail 2 "mindgan needs Python 3.10, 3.11 or 3.12; PYTHON=$PYTHON is ${others:-none that runs}; $way_out"
  fi
  fail 2 "mindgan needs Python 3.10, 3.11 or 3.12; found ${others:-none}; $way_out"
}

# What an installation of EXTRA depends on, in one line; nothing where .venv does not run.
stamp() {
  "$venv_python" -I -c '
import hashlib, pathlib, sys
root, extra = sys.argv[1:]
files = b"".join(pathlib.Path(root, name).read_bytes() for name in ("requirements.txt", "setup.py"))
print("%d.%d" % sys.version_info[:2], hashlib.sha256(files).hexdigest(), extra, ascii(root))
' "$root" "$1" 2>/dev/null || true
}

stamp_file() { printf '%s/.mindgan-ready%s' "$venv" "${1:+-$1}"; }

is_ready() {
  local file
  file=$(stamp_file "$1")
  [ -x "$venv_python" ] && [ -f "$file" ] && [ "$(cat "$file")" = "$(stamp "$1")" ] || return 1
  [ -z "${PYTHON:-}" ] || [ "$(version_of "$PYTHON")" = "$(version_of "$venv_python")" ]
}

# take_turn PYTHON: holds the lock of file descriptor 9 until that is closed. Python's flock, as macOS has no command.
take_turn() {
  "$1" -I -c '
import fcntl, sys
try:
    fcntl.flock(9, fcntl.LOCK_EX | fcntl.LOCK_NB)
except BlockingIOError:
    print("mindgan: waiting for another set-up to finish", file=sys.stderr)
    fcntl.flock(9, fcntl.LOCK_EX)
except OSError:
    pass  # a file system without locks
'
}

pip_install() {
  PIP_USER=0 "$venv_python" -I -m pip install --quiet --no-input --disable-pip-version-check "$@" \
    </dev/null >>"$log_file" 2>&1 || explain_failed_pip
}

# Ends with pip's errors and one line of what to do.
explain_failed_pip() {
  grep '^ERROR' "$log_file" >&2 || tail -n 20 "$log_file" >&2
  if grep -q 'Retrying (' "$log_file" && grep -qE '^ERROR: (No matching|Could not install)' "$log_file"; then
    fail 1 "the package registry could not be reached; check the network or pip's settings, then run the command again"
  fi
  fail 1 "the set-up failed (see the lines above, or all of it in $log_file); the same command tries again"
}

# Makes .venv with PYTHON, unless a whole one of the same version is there.
make_venv() {
  local version
  version=$(version_of "$1")
  if [ -s "$lock_file" ] || { [ -f "$(stamp_file '')" ] && [ "$(version_of "$venv_python")" != "$version" ]; }; then
    rm -rf -- "$venv"
  fi
  if [ ! -e "$venv" ]; then
    printf 'unfinished\n' >"$lock_file"
    "$1" -I -m venv "$venv" </dev/null >>"$log_file" 2>&1 || {
      tail -n 20 "$log_file" >&2
      fail 1 "$1 could not make the virtual environment $venv"
    }
  elif [ "$(version_of "$venv_python")" != "$version" ]; then
    fail 2 "$venv is not a virtual environment of Python $version and not made by this script; move it away"
  fi
}

# install EXTRA PYTHON: with no extra the package and what it needs, else also the packages of that extra.
# Only a broken-off base installation starts from nothing: a training may be running from a .venv that is whole.
install() {
  local started=$SECONDS
  : >"$log_file"
  if [ -z "$1" ]; then
    say "setting up $venv, once (about 1 GB to download)"
    make_venv "$2"
    rm -f -- "$(stamp_file '')"
    printf 'unfinished\n' >"$lock_file"
  else
    say "installing what the tests need, once"
  fi
  pip_install "$build_tools"
  pip_install --no-build-isolation --editable "$root${1:+[$1]}"
  stamp "$1" >"$venv/.mindgan-part"
  mv -f -- "$venv/.mindgan-part" "$(stamp_file "$1")"
  : >"$lock_file"
  say "set up in $((SECONDS - started)) s"
}

# set_up [EXTRA]: returns at once where all is installed, without a write and without the network.
set_up() {
  local extra=${1:-} python
  ! is_ready "$extra" || return 0
  [ -w "$root" ] || fail 2 "cannot write to $root; copy the project to a folder of your own"
  python=$(find_python)
  (
    take_turn "$python"
    is_ready "$extra" || install "$extra" "$python"
  ) 9>>"$lock_file"
}
