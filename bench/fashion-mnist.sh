#!/usr/bin/env bash
# Draws the votes of 1,000 Fashion-MNIST test images once, judges every method on them, and certifies
# 200 of the images; then the table of RESULTS.md, the README's figure and the report that its screenshot
# shows.
#
#   bench/fashion-mnist.sh DATA OUT [EXPERTS]
#
# DATA: folder of the IDX files. OUT: folder for results; what was stopped goes on when it is started again.
# EXPERTS: the shipped pool by default. It needs `cargo xtask build` and `cargo build --release -p drs-replay`.
# The same models as checkpoints in bf16 (experiments/fashion-mnist/run.sh) take a quarter of the time.
set -euo pipefail
data=$(realpath "$1")
mkdir -p "$2"
out=$(realpath "$2")
# shellcheck source=experiments/common.sh
source "$(dirname "$(realpath "$0")")/experiments/common.sh"
example=$root/examples/fashion-mnist/experts.toml
experts=$(realpath "${3:-$example}")
cd "$out"

votes pool "$experts"
replay judge votes/pool.jsonl --rules "$example" --out . | tee table.md
drs plot maxmin.tsv "dual (the paper's rule)=dual.tsv" \
    'σ = 0.25=one-s025.tsv' 'σ = 0.5=one-s050.tsv' 'σ = 1=one-s100.tsv' --oracle --out curves.svg

for method in maxmin dual; do
    drs certify --experts "$experts" --data "$data" --skip 50 --n 10000 --seed 1 --full \
        --method "$method" --out "report-$method.tsv"
done
drs report maxmin=report-maxmin.jsonl "dual (the paper's rule)=report-dual.jsonl" \
    --data "$data" --experts "$experts" --title 'Fashion-MNIST, 200 test images' --out report.html \
    --classes 'T-shirt/top,Trouser,Pullover,Dress,Coat,Sandal,Shirt,Sneaker,Bag,Ankle boot'
