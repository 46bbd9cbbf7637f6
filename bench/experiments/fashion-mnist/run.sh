#!/usr/bin/env bash
# All of RESULTS.md's rows on Fashion-MNIST, with the example's models: what training gave (held-out inputs),
# then every method on 1,000 test images.
#
#   bench/experiments/fashion-mnist/run.sh DATA OUT    # DATA: folder of the IDX files; OUT: folder for runs
#
# About two hours on two cores. Stopped, it goes on when it is started again. It needs `cargo xtask torch` and
# `cargo build --release -p drs-replay`.
set -euo pipefail
data=$(realpath "$1")
mkdir -p "$2"
out=$(realpath "$2")
here=$(dirname "$(realpath "$0")")
# shellcheck source=../common.sh
source "$here/../common.sh"
example=$root/examples/fashion-mnist

"$example/train.sh" "$data" "$out"
cd "$out"

# One thread each, as in train.sh; two at a time.
export OMP_NUM_THREADS=1
{
    # Ours; then what explains it: σ_e, the weights on radii.
    router gain "$here/gain.toml"
    router head "$here/head.toml" --set "init=$out/s100/model.safetensors"
    router gain-sigma-0.5 "$here/gain.toml" --set sigma=0.5
    router gain-near "$here/gain.toml" --set 'objective.radii=[0.0, 0.25, 0.5, 0.75]'
} &
{
    # The paper's, and in parts: λ, the loss, the number of labels. λ = 0 is the example's.
    paper=(--set objective.consistency.lambda=5.0)
    router paper "$example/router.toml" "${paper[@]}"
    router paper-lambda-40 "$example/router.toml" --set objective.consistency.lambda=40.0
    router hard "$example/router.toml" --set 'objective={kind="hard",consistency={lambda=5.0,eta=0.5}}'
    router paper-labels-1000 "$example/router.toml" "${paper[@]}" --set max=1000
    router paper-labels-4000 "$example/router.toml" "${paper[@]}" --set max=4000
}
wait $!

# A round of fine-tuning; the labels to begin with are those that are here.
mkdir -p rounds/round-0
cp -rn labels rounds/round-0/
drs train iterate "$here/recipe.toml" --set "router.device=$device" --set "expert.device=$device" \
    --set "label.data=$data" --set "expert.data.path=$data" --out rounds

choose gain paper router head

# Votes of 1,000 test images, of the example's router first.
pool_with "plugin = \"torch\"
config = { kind = \"checkpoint\", model = \"router/model.safetensors\", $running }" >routed.toml
"$root/bench/fashion-mnist.sh" "$data" . routed.toml
ln -sf pool.jsonl votes/router.jsonl
router_votes paper
router_votes gain
drs train join s100/model.safetensors --router head/model.safetensors --out head.safetensors
shared_votes head 'kind = "checkpoint", model = "head.safetensors"'
threshold_votes s100/model.safetensors "" 0.5,0.8
votes round-1 rounds/round-1/experts.toml

rules=$example/experts.toml
{
    cat table.md
    judged "$rules" paper gain head self-0.5,0.8
    judged_as_chosen
    replay judge votes/round-1.jsonl --rules "$rules" --name 'round 1: '
} | tee tables.md
