#!/usr/bin/env bash
# Runs the program on a TPU slice made by a queued resource of the Cloud TPU API.
#
#   launch/tpu/queued.sh --name=NAME --project=PROJECT --zone=ZONE --type=TYPE
#     [OPTION...] -- FLAG...
#
# Creates the slice, installs this checkout on all its hosts, runs
# python -m gpt_nas_jax.main --executor=hosts FLAG... there, shows the log, and deletes
# the slice when the program has ended. A preempted slice is deleted and created
# again, and the program resumes from its --workdir: give one in a bucket, as all disks
# of a slice are deleted with it. An existing slice of this name is reused, and a program
# running on it is followed. Exits with the program's exit code.
#
#   --type=v6e-16           accelerator type; for TPU7x see launch/tpu/group.sh
#   --spot                  cheaper, may be preempted at any time
#   --runtime-version=NAME  by default the one for the type
#   --extras=tpu,gcs        of the package
#   --restarts=20           of the program, at most
#   --poll=30               seconds between two checks of the slice
#   --keep                  does not delete the slice at the end
#
# Needs gcloud, signed in, and the key for several hosts in the ssh agent:
# ssh-add ~/.ssh/google_compute_engine
set -uo pipefail
# shellcheck source=launch/shared.sh
source "$(dirname "$0")/../shared.sh"

name='' project='' zone='' type='' spot='' runtime_version='' extras=tpu,gcs
options 'name project zone type runtime-version extras' spot "$@"
need name project zone type
if [[ -z $runtime_version ]]; then
  case $type in
    v6e-*) runtime_version=v2-alpha-tpuv6e ;;
    v5p-*) runtime_version=v2-alpha-tpuv5 ;;
    v5litepod-*) runtime_version=v2-alpha-tpuv5-lite ;;
    *) runtime_version=tpu-ubuntu2204-base ;;
  esac
fi
at=(--project="$project" --zone="$zone" --quiet)

state() {
  local found
  # `describe` fails in the same way for a missing slice and for any other reason.
  found=$(gcloud compute tpus queued-resources list "${at[@]}" \
    --filter="name~/queuedResources/$name\$" --format='value(state.state)') || return 1
  case $found in
    '') echo none ;;
    ACTIVE) echo ready ;;
    FAILED | SUSPENDING | SUSPENDED) echo lost ;;
    *) echo waiting ;;
  esac
}

create() {
  gcloud compute tpus queued-resources create "$name" "${at[@]}" --node-id="$name" \
    --accelerator-type="$type" --runtime-version="$runtime_version" ${spot:+--spot}
}

remove() { gcloud compute tpus queued-resources delete "$name" "${at[@]}" --force; }

run() {
  attached gcloud compute tpus tpu-vm scp "$packed/$name.tgz" "$name:" "${at[@]}" \
    --worker=all || return 255
  attached gcloud compute tpus tpu-vm ssh "$name" "${at[@]}" --worker=all \
    --ssh-flag=-oServerAliveInterval=30 --ssh-flag=-oServerAliveCountMax=4 \
    --command="$(on_host "$extras" "${flags[@]}")"
}

pack
launch
