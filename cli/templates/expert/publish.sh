#!/usr/bin/env bash
# Packs this expert, signs the package and puts it into an index, for others to install:
#
#   drs expert keygen --out publisher.key            # once; keep it out of the repository
#   bash publish.sh publisher.key public [PACKAGE…]
#
# PACKAGE: the same version, packed on machines of other kinds (drs expert pack .). Then give `public` to
# a web server, and your public key to your users. DRS is the drs to use.
set -euo pipefail
key=$(realpath "$1")
mkdir -p "$2"
public=$(realpath "$2")
others=()
for other in "${@:3}"; do others+=("$(realpath "$other")"); done
cd "$(dirname "$0")"
drs=${DRS:-drs}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
"$drs" expert pack . --out "$work/here.drsx"
if [ ${#others[@]} -gt 0 ]; then
    "$drs" expert pack "$work/here.drsx" --merge "${others[@]}" --out "$work/all.drsx"
else
    mv "$work/here.drsx" "$work/all.drsx"
fi
"$drs" expert sign --key "$key" "$work/all.drsx"
"$drs" expert index "$public" --name {{hyphened}}-index --key "$key" "$work/all.drsx"
