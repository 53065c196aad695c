# shellcheck shell=bash
# Shared by the launchers: options, restarts after preemption, and clean-up.
#
# A launcher defines its machines, all called $name, by four functions:
#   state   prints none, waiting, ready or lost; fails if it cannot tell
#   create  requests them
#   remove  deletes them
#   run     runs the program on them, shows its log and ends with its exit code
# and then calls `launch`. As `state` and `remove` are also called in a trap, where a bare
# `return` gives the status from before the trap, they return 0 or 1.

if ((BASH_VERSINFO[0] < 5)); then
  echo "${0##*/}: needs bash 5 or newer" >&2
  exit 2
fi

restarts=20 # of the program, at most
poll=30     # seconds between two questions about the machines
keep=''     # not empty: the machines stay
asks=20     # questions in a row that may fail
makings=10  # deletions and creations before the program can start, at most

packed='' # folder with the checkout as `pack` has packed it
child=''  # leader of the process group that `attached` waits for

say() { echo "${0##*/}: $*" >&2; }

# fail CODE MESSAGE...
fail() {
  local code=$1
  shift
  say "$@"
  exit "$code"
}

# Prints the header comment of the script.
usage() { awk 'NR > 1 && !/^#/ { exit } NR > 1 { sub(/^# ?/, ""); print }' "$0"; }

# options "NAME..." "SWITCH..." ARGUMENT...
# Sets the variable x_y to V for --x-y=V, and to 1 for the switch --x-y. Fills the array
# `flags` with what follows --.
options() {
  local values=" $1 restarts poll " switches=" $2 keep " option
  shift 2
  while (($#)); do
    case $1 in
      --help) usage && exit ;;
      --) shift && break ;;
    esac
    option=${1%%=*} option=${option#--}
    if [[ $1 == --*=* && $values == *" $option "* ]]; then
      printf -v "${option//-/_}" %s "${1#*=}"
    elif [[ $1 == "--$option" && $switches == *" $option "* ]]; then
      printf -v "${option//-/_}" 1
    else
      fail 2 "unknown option $1; the program's flags follow --; see --help"
    fi
    shift
  done
  # shellcheck disable=SC2034 # for the launcher
  flags=("$@")
}

# need OPTION...: those that have no default. Checks what every launcher has.
need() {
  local option variable
  for option; do
    variable=${option//-/_}
    [[ ${!variable} ]] || fail 2 "give --$option; see --help"
  done
  # shellcheck disable=SC2154 # every launcher has it
  [[ $name =~ ^[a-z][-a-z0-9]{0,38}[a-z0-9]$ ]] ||
    fail 2 "--name=$name must be 2 to 40 lower-case letters, digits and hyphens"
  for variable in restarts poll; do
    # Arithmetic reads digits after a leading 0 as octal.
    [[ ${!variable} =~ ^(0|[1-9][0-9]{0,8})$ ]] ||
      fail 2 "--$variable=${!variable} must be a whole number from 0 to 999999999"
  done
}

# goes_on CODE: whether the same command resumes after this exit code.
# 75: another process of the run, or a device, was lost; 129, 143: SIGHUP, SIGTERM; 134: JAX ends a
# process whose leader is lost; 137: killed; 255: ssh has lost the connection.
goes_on() { [[ $1 =~ ^(75|129|134|137|143|255)$ ]]; }

# attached COMMAND...: waits for it, without delaying signals.
attached() {
  local code=0
  # In a process group of its own, which can be ended as a whole.
  set -m
  "$@" </dev/null &
  child=$!
  set +m
  wait "$child" || code=$?
  child=''
  return "$code"
}

pause() { attached sleep "$poll"; }

# Waits until the machines are ready; recreates those that were lost.
bring_up() {
  local now failed=0 made=0
  while :; do
    # No answer does not mean that no machine exists.
    if ! now=$(state); then
      ((++failed < asks)) && pause && continue
      keep=1
      fail 1 "cannot tell whether $name is there; it is left as it is"
    fi
    failed=0
    case $now in
      ready) return ;;
      lost | none) ((made++ < makings)) || fail 1 "gives up: $name was not to be had" ;;
    esac
    case $now in
      lost) say "deleting $name, which has ended or is incomplete" && remove ;;
      none) say "creating $name" && create ;;
    esac
    pause
  done
}

# On every exit: ends what the launcher waits for, and deletes the machines.
tidy() {
  local code=$?
  trap '' INT TERM HUP
  [[ -z $child ]] || kill -- "-$child" 2>/dev/null
  [[ -z $packed ]] || rm -rf "$packed"
  if [[ $keep ]]; then
    say "$name is kept and may cost money; the same command without --keep deletes it"
  elif ! remove_at_last; then
    say "$name may still be there and cost money; delete it by hand"
    ((code)) || code=1
  fi
  exit "$code"
}

# Deletes the machines, if there are any.
remove_at_last() {
  local now left
  for ((left = asks; left > 0; left--)); do
    now=$(state) && [[ $now == none ]] && return 0
    # No answer does not mean that no machine exists.
    remove && return 0
    ((left < asks)) || say "$name is not deleted yet; trying again, $asks times at most"
    # Not `pause`: signals are ignored.
    ((left == 1)) || sleep "$poll"
  done
  return 1
}

# Runs the program until it ends by itself; exits with its exit code.
launch() {
  local code restart
  trap tidy EXIT
  trap 'exit 129' HUP
  trap 'exit 130' INT
  trap 'exit 143' TERM
  for ((restart = 0; restart <= restarts; restart++)); do
    bring_up
    code=0
    run || code=$?
    goes_on "$code" || exit "$code"
    say "the program ended with exit code $code; running the same command again"
  done
  fail "$code" "gives up after $restarts restarts"
}

# Packs the checkout of this file in its current state, without ignored files, so that
# every restart uses the same.
pack() {
  local root
  root=$(dirname "${BASH_SOURCE[0]}")/..
  packed=$(mktemp -d) || fail 1 "cannot make a temporary folder"
  git -C "$root" ls-files -z --cached --others --exclude-standard --deduplicate |
    tar --create --gzip --file "$packed/$name.tgz" --directory "$root" --null \
      --files-from - || fail 1 "cannot pack the checkout"
}

# on_host EXTRAS FLAG...: the command for a host of a slice that has ~/$name.tgz.
on_host() {
  local script=launch/tpu/worker.sh
  echo "mkdir -p $name && tar -xzf $name.tgz -C $name $script &&" \
    "bash $name/$script $name ${*@Q}"
}
