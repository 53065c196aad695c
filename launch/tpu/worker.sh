#!/usr/bin/env bash
# Runs the program on this host of a TPU slice, or follows it if it runs already.
#
#   worker.sh NAME EXTRAS FLAG...
#
# The launchers next to this file start it on every host, in the folder ~/NAME, with the
# checkout in ~/NAME.tgz. It installs the checkout with these extras, starts the program
# so that it survives a lost connection, shows its log and exits with its exit code.
set -uo pipefail
name=$1 extras=$2
shift 2
cd "$HOME/$name" || exit
export PATH="$HOME/.local/bin:$PATH"

# The hosts' own Python may be older than 3.11.
install() {
  tar --extract --gzip --file "../$name.tgz" || return
  command -v uv >/dev/null || curl -LsSf https://astral.sh/uv/install.sh | sh || return
  uv venv --quiet --allow-existing --python=3.11 .venv || return
  uv pip install --quiet --python=.venv/bin/python --constraint=requirements.txt \
    --editable ".[$extras]"
}

program() {
  # Remains ignored in the program.
  trap '' HUP
  .venv/bin/python -m gpt_nas_jax.main --executor=hosts "$@" 9>&-
  echo "$?" >status
}

# begun: waits while another worker.sh installs; fails, with the lock, if that one gave up.
begun() {
  until [[ -s pid ]]; do
    lines=+1
    sleep 0.1
    if flock --nonblock 9; then
      # The program may have started, and ended, meanwhile.
      [[ -s pid ]]
      return
    fi
  done
}

# Held as long as the program is installed or runs.
exec 9>lock
lines=10
if flock --nonblock 9 || ! begun; then
  # Those of an earlier program would be taken for this one's during the installation.
  rm -f status pid
  : >log
  install || install || exit 1
  program "$@" </dev/null >>log 2>&1 &
  echo "$!" >pid
  lines=+1
fi
exec 9>&-
tail --lines="$lines" --follow --sleep-interval=0.1 --pid="$(cat pid)" log
# Without a status it was killed, together with the shell that writes it.
exit "$(cat status 2>/dev/null || echo 137)"
