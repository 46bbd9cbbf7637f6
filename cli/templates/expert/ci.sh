#!/usr/bin/env bash
# What every change must pass; here and on CI. DRS is the drs to check with.
set -euo pipefail
cd "$(dirname "$0")"
drs=${DRS:-drs}
if ! command -v "$drs" > /dev/null; then
    echo "no $drs: install drs, or set DRS to its path" >&2
    exit 1
fi
cargo fmt --check
cargo clippy --all-targets -- -D warnings
cargo test
cargo build --release
# models/ties.json: equal outputs; models/overflow.json: 1e39 is infinite as f32.
plugins=$(cd "${CARGO_TARGET_DIR:-target}/release" && pwd)
DRS_PLUGIN_PATH=$plugins "$drs" expert check {{name}} \
    --shape 1,2,2 --config '{"model": "models/mean.json"}' \
    --ties '{"model": "models/ties.json"}' --non-finite '{"model": "models/overflow.json"}'
