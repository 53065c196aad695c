#!/usr/bin/env bash
# Runs the program on a TPU slice made by a managed instance group of Compute Engine.
#
#   launch/tpu/group.sh --name=NAME --project=PROJECT --zone=ZONE --machine=TYPE
#     --topology=TOPOLOGY [OPTION...] -- FLAG...
#
# Does what launch/tpu/queued.sh does, for v5p, v6e and TPU7x.
#
#   --machine=ct6e-standard-4t  machine type of a host, which ends in its chips
#   --topology=4x4              chips of the slice
#   --spot                      cheaper, may be preempted at any time
#   --image-family=NAME         by default the one for the machine type
#   --extras=tpu,gcs            of the package
#   --restarts=20               of the program, at most
#   --poll=30                   seconds between two checks of the slice
#   --keep                      does not delete the slice at the end
#
# Needs gcloud, signed in. Group, template and workload policy are called NAME.
set -uo pipefail
# shellcheck source=launch/shared.sh
source "$(dirname "$0")/../shared.sh"

name='' project='' zone='' machine='' topology='' spot='' image_family='' extras=tpu,gcs
options 'name project zone machine topology image-family extras' spot "$@"
need name project zone machine topology
[[ $machine =~ -([0-9]+)t$ ]] || fail 2 "--machine=$machine must end in its chips: -4t"
chips=${BASH_REMATCH[1]}
[[ $topology =~ ^[1-9][0-9]*(x[1-9][0-9]*)+$ ]] ||
  fail 2 "--topology=$topology must be like 4x4"
hosts=$((${topology//x/ * } / chips))
((hosts > 1 && hosts * chips == ${topology//x/ * })) ||
  fail 2 "--topology=$topology is not a slice of several hosts of $chips chips"
disk=(--boot-disk-size=200GB)
if [[ $machine == tpu7x-* ]]; then
  image_family=${image_family:-ubuntu-accel-2404-amd64-tpu-tpu7x}
  disk+=(--boot-disk-type=hyperdisk-balanced)
fi
image_family=${image_family:-ubuntu-accel-2204-amd64-tpu-v5e-v5p-v6e}
spots=(--provisioning-model=SPOT --instance-termination-action=STOP)
every=(--project="$project" --quiet)
at=("${every[@]}" --zone="$zone")
region=${zone%-*}
policy=projects/$project/regions/$region/resourcePolicies/$name
group=(gcloud compute instance-groups managed)

state() {
  local found
  found=$("${group[@]}" list "${every[@]}" --zones="$zone" --filter="name=$name" \
    --format='value(name)') || return 1
  [[ $found ]] || { echo none && return 0; }
  found=$("${group[@]}" list-instances "$name" "${at[@]}" \
    --format='value(instanceStatus)') || return 1
  if (($(grep -cx RUNNING <<<"$found") == hosts)); then
    echo ready
  elif grep -qxE 'STOPPING|STOPPED|SUSPENDING|SUSPENDED|TERMINATED' <<<"$found"; then
    echo lost
  else
    echo waiting
  fi
}

create() {
  # The remains of a group that could not be created.
  remove_parts 2>/dev/null
  gcloud compute resource-policies create workload-policy "$name" "${every[@]}" \
    --region="$region" --type=HIGH_THROUGHPUT --accelerator-topology="$topology" &&
    gcloud compute instance-templates create "$name" "${every[@]}" \
      --machine-type="$machine" --maintenance-policy=TERMINATE "${disk[@]}" \
      --image-project=ubuntu-os-accelerator-images --image-family="$image_family" \
      --scopes=cloud-platform ${spot:+"${spots[@]}"} &&
    # All hosts at once or none: otherwise they do not form a slice.
    gcloud beta compute instance-groups managed create "$name" "${at[@]}" \
      --template="$name" --size=0 --workload-policy="$policy" \
      --target-size-policy-mode=bulk --default-action-on-vm-failure=do-nothing ||
    return
  "${group[@]}" resize "$name" "${at[@]}" --size="$hosts" || remove
}

remove() { "${group[@]}" delete "$name" "${at[@]}" && remove_parts; }

remove_parts() {
  gcloud compute instance-templates delete "$name" "${every[@]}"
  gcloud compute resource-policies delete "$name" "${every[@]}" --region="$region"
}

# shellcheck disable=SC2329 # called by `attached`
on_each() {
  local host code first=0 begun=()
  for host; do
    on_one "$host" &
    begun+=("$!")
  done
  for host in "${begun[@]}"; do
    code=0
    wait "$host" || code=$?
    first=$((first ? first : code))
  done
  return "$first"
}

# shellcheck disable=SC2329 # called by `on_each`
on_one() {
  gcloud compute scp "$packed/$name.tgz" "$1:" "${at[@]}" || return 255
  gcloud compute ssh "$1" "${at[@]}" \
    --ssh-flag=-oServerAliveInterval=30 --ssh-flag=-oServerAliveCountMax=4 \
    --command="$(on_host "$extras" "${flags[@]}")"
}

run() {
  local found
  found=$("${group[@]}" list-instances "$name" "${at[@]}" \
    --format='value(instance.basename())') || return 255
  mapfile -t found <<<"$found"
  attached on_each "${found[@]}"
}

pack
launch
