#!/usr/bin/env bash
# RESULTS.md's rows on CIFAR-10 (JPEG edition), with off-the-shelf experts at σ = 0.25, 0.5 and 1.0.
#
#   bench/experiments/cifar10/run.sh DATA MODELS OUT
#
# DATA: the ImageFolder, with train and test. MODELS: folder with s025, s050 and s100 as .safetensors, whose
# metadata tell sigma. OUT: folder for runs. About three hours on two cores. Stopped, it goes on when it is
# started again. It needs `cargo xtask torch` and `cargo build --release -p drs-replay`.
#
# DRS_DEVICE=cuda takes a GPU, DRS_ARCH=cifar_resnet110 tells that the experts are (and routers shall be) other
# networks than cifar_resnet20.
set -euo pipefail
data=$(realpath "$1")
models=$(realpath "$2")
mkdir -p "$3"
out=$(realpath "$3")
here=$(dirname "$(realpath "$0")")
# shellcheck source=../common.sh
source "$here/../common.sh"
arch=${DRS_ARCH:-cifar_resnet20}
classes=airplane,automobile,bird,cat,deer,dog,frog,horse,ship,truck
cd "$out"

{
    printf '[input]\nshape = [3, 32, 32]\nquantum = "1/255"\n'
    for name in s025 s050 s100; do
        printf '\n[[expert]]\nname = "%s"\nplugin = "torch"\n' "$name"
        printf 'config = { kind = "checkpoint", model = "%s/%s.safetensors", classes = ["%s"], %s }\n' \
            "$models" "$name" "${classes//,/\", \"}" "$running"
    done
} >pool.toml
drs train label --experts pool.toml --data "$data" --skip 5 --seed 7 --out labels
router router "$here/router.toml" --set "arch=$arch"
router head "$here/head.toml" --set "arch=$arch" --set "init=$models/s100.safetensors"
router tuned "$here/tuned.toml" --set "arch=$arch" --set "init=$models/s100.safetensors"
choose tuned head router

pool_with "plugin = \"torch\"
config = { kind = \"checkpoint\", model = \"router/model.safetensors\", $running }" >routed.toml
votes pool routed.toml
ln -sf pool.jsonl votes/router.jsonl
router_votes tuned
drs train join "$models/s100.safetensors" --router head/model.safetensors --classes "$classes" --out head.safetensors
shared_votes head 'kind = "checkpoint", model = "head.safetensors"'
threshold_votes "$models/s100.safetensors" "--classes $classes --shape 3,32,32" 0.5,0.8

# A round of fine-tuning; the labels to begin with are those that are here.
mkdir -p rounds/round-0
cp -rn labels rounds/round-0/
drs train iterate "$here/recipe.toml" --set "router.device=$device" --set "expert.device=$device" \
    --set "router.arch=$arch" --set "expert.arch=$arch" \
    --set "label.data=$data" --set "expert.data.path=$data" \
    --set "init.s025=$models/s025.safetensors" --set "init.s050=$models/s050.safetensors" \
    --set "init.s100=$models/s100.safetensors" --out rounds
votes round-1 rounds/round-1/experts.toml

rules=$root/examples/fashion-mnist/experts.toml
{
    replay judge votes/pool.jsonl --rules "$rules"
    judged "$rules" tuned head self-0.5,0.8
    judged_as_chosen
    replay judge votes/round-1.jsonl --rules "$rules" --name 'round 1: '
} | tee tables.md
