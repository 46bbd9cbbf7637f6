# What the experiments share; sourced by */run.sh in the folder of the runs, which has pool.toml.
# shellcheck shell=bash

root=$(realpath "$(dirname "${BASH_SOURCE[0]}")/../..")
release=$(realpath "${CARGO_TARGET_DIR:-$root/target}")/release
export DRS_PLUGIN_PATH=$release
# Where models run: DRS_DEVICE=cuda takes a GPU.
device=${DRS_DEVICE:-cpu}
running="dtype = \"bf16\", device = \"$device\""
# 1,000 of 10,000 test images, and the draws of their certificates.
n=2098
images=(--skip 10 --n "$n")
drs() { "$release/drs" "$@"; }
replay() { "$release/drs-replay" "$@"; }

# NAME SETTINGS OPTIONS…: a router in ./NAME, from ./labels.
router() {
    local name=$1 settings=$2
    shift 2
    echo "== router $name"
    drs train router "$settings" --set "labels=$PWD/labels" --set "device=$device" "$@" --out "$name"
}

# NAME EXPERTS OPTIONS…: votes of $images, in votes/NAME.jsonl.
votes() {
    local name=$1 experts=$2
    shift 2
    echo "== votes $name"
    mkdir -p votes
    replay record --experts "$experts" --data "$data" "${images[@]}" --seed 1 --threads "$(nproc)" \
        --out "votes/$name.jsonl" "$@"
}

# The first tables of pool.toml, then what stands in for its router, then its experts.
pool_with() {
    sed '/^\[\[expert\]\]/,$d' pool.toml
    printf '[router]\n%s\n\n' "$1"
    sed -n '/^\[\[expert\]\]/,$p' pool.toml
}

# NAME: votes of the router of that run.
router_votes() {
    pool_with "plugin = \"torch\"
config = { kind = \"checkpoint\", model = \"$1/model.safetensors\", $running }" >"$1.toml"
    votes "$1" "$1.toml" --router-only
}

# NAME CONFIG: votes of the router that shares s100's network, which is CONFIG instead of that of pool.toml.
shared_votes() {
    pool_with 'shares = "s100"' | sed "/^name = \"s100\"/,\$s#^config = .*#config = { $2, $running }#" >"$1.toml"
    votes "$1" "$1.toml" --router-only
}

# A router that routes by s100's largest softmax: MODEL of s100, its OPTIONS for drs train join, then pairs of
# thresholds.
threshold_votes() {
    local model=$1 options=$2 classes
    shift 2
    for thresholds in "$@"; do
        # shellcheck disable=SC2086
        classes=$(drs train join "$model" --thresholds "$thresholds" --experts s025,s050,s100 $options \
            --out "self-$thresholds.pt")
        shared_votes "self-$thresholds" "kind = \"torchscript\", model = \"self-$thresholds.pt\", sigma = 1.0, $classes"
    done
}

# RULES NAME…: certified accuracy of each of these routers with the experts of votes/pool.jsonl.
judged() {
    local rules=$1
    shift
    for name in "$@"; do
        replay judge votes/pool.jsonl --router "votes/$name.jsonl" --routed-only --rules "$rules" --name "$name: "
    done
}

# NAME…: terms of `blend` by held-out inputs of these routers' runs: chosen-mean.toml and chosen-worst.toml.
choose() {
    for by in mean worst; do
        drs train choose "$@" --experts pool.toml --by "$by" --n "$n" --tries 1000 --out "chosen-$by.toml"
    done
}

# Certified accuracy by the terms that were chosen.
judged_as_chosen() {
    for by in mean worst; do
        # Terms without a route need no router's votes.
        chosen=$(sed -n '/^\[router.config\]/,$s#^model = ".*/\([^/]*\)/model.safetensors"$#\1#p' "chosen-$by.toml")
        replay judge votes/pool.jsonl --router "votes/${chosen:-router}.jsonl" --routed-only \
            --rules "chosen-$by.toml" --name "chosen by $by: "
    done
}
