#!/usr/bin/env bash
# RESULTS.md's rows on CIFAR-10 (JPEG edition), with off-the-shelf experts: ResNet-20 at σ = 0.25, 0.5 and 1.0.
#
#   bench/experiments/cifar10/run.sh DATA MODELS OUT
#
# DATA: the ImageFolder, with train and test. MODELS: folder with s025, s050 and s100 as .safetensors, whose
# metadata tell sigma. OUT: folder for runs. About three hours on two cores. Stopped, it goes on when it is
# started again. It needs `cargo xtask torch` and `cargo build --release -p drs-replay`.
set -euo pipefail
data=$(realpath "$1")
models=$(realpath "$2")
mkdir -p "$3"
out=$(realpath "$3")
here=$(dirname "$(realpath "$0")")
# shellcheck source=../common.sh
source "$here/../common.sh"
images=(--skip 10 --n 1000)
classes=airplane,automobile,bird,cat,deer,dog,frog,horse,ship,truck
cd "$out"

{
    printf '[input]\nshape = [3, 32, 32]\nquantum = "1/255"\n'
    for name in s025 s050 s100; do
        printf '\n[[expert]]\nname = "%s"\nplugin = "torch"\n' "$name"
        printf 'config = { kind = "checkpoint", model = "%s/%s.safetensors", classes = ["%s"], dtype = "bf16" }\n' \
            "$models" "$name" "${classes//,/\", \"}"
    done
} >pool.toml
drs train label --experts pool.toml --data "$data" --skip 5 --seed 7 --out labels
router router "$here/router.toml"
router head "$here/head.toml" --set "init=$models/s100.safetensors"
router tuned "$here/tuned.toml" --set "init=$models/s100.safetensors"

pool_with "plugin = \"torch\"
config = { kind = \"checkpoint\", model = \"router/model.safetensors\", dtype = \"bf16\" }" >routed.toml
votes pool routed.toml
router_votes tuned
drs train join "$models/s100.safetensors" --router head/model.safetensors --classes "$classes" --out head.safetensors
shared_votes head 'kind = "checkpoint", model = "head.safetensors"'
threshold_votes "$models/s100.safetensors" "--classes $classes --shape 3,32,32" 0.5,0.8

# A round of fine-tuning; the labels to begin with are those that are here.
mkdir -p rounds/round-0
cp -rn labels rounds/round-0/
drs train iterate "$here/recipe.toml" --set "label.data=$data" --set "expert.data.path=$data" \
    --set "init.s025=$models/s025.safetensors" --set "init.s050=$models/s050.safetensors" \
    --set "init.s100=$models/s100.safetensors" --out rounds
votes round-1 rounds/round-1/experts.toml

rules=$root/examples/fashion-mnist/experts.toml
{
    replay judge votes/pool.jsonl --rules "$rules"
    judged "$rules" tuned head self-0.5,0.8
    replay judge votes/round-1.jsonl --rules "$rules" --name 'round 1: '
} | tee tables.md
