#!/bin/sh
# Seeds a target's corpus with the small captures of the shared corpus (or of the folder given).
# Usage: fuzz/seed.sh TARGET [CAPTURES]
set -eu
here=$(cd "$(dirname "$0")" && pwd)
target=${1:?usage: seed.sh TARGET [CAPTURES]}
captures=${2:-$here/../../shared/captures}
mkdir -p "$here/corpus/$target"
if [ "$target" = filter ]; then
    # The expressions that are checked against tcpdump, each with an Ethernet frame of zeros.
    grep -v '^[#<[]' "$here/../crates/capture/tests/filter_tcpdump.txt" | while read -r expression; do
        name=$(printf '%s' "$expression" | cksum | tr -s ' ' '-')
        { printf '%s\n\000\001' "$expression"; head -c 100 /dev/zero; } >"$here/corpus/$target/$name"
    done
    echo "$(find "$here/corpus/$target" -type f | wc -l) seeds in $here/corpus/$target"
    exit
fi
if [ "$target" = dissect ] || [ "$target" = application ]; then
    # Single packets, one for each stack of headers.
    find -L "$captures" -type f -exec \
        cargo run -q --manifest-path "$here/Cargo.toml" --example seeds -- "$target" "$here/corpus/$target" {} +
    echo "$(find "$here/corpus/$target" -type f | wc -l) seeds in $here/corpus/$target"
    exit
fi
find -L "$captures" -type f -size -9k ! -name '*.md' ! -name '*.txt' | while read -r file; do
    name=$(cksum <"$file" | tr -s ' \t' '-')
    cp "$file" "$here/corpus/$target/$name"
    chmod u+w "$here/corpus/$target/$name"
done
# The same in each compression that is installed.
for tool in gzip zstd lz4 bzip2 xz; do
    command -v "$tool" >/dev/null || continue
    find "$here/corpus/$target" -type f -size -2k ! -name '*.*' | head -20 | while read -r file; do
        "$tool" -c -q <"$file" >"$file.$tool"
    done
done
echo "$(find "$here/corpus/$target" -type f | wc -l) seeds in $here/corpus/$target"
