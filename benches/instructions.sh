#!/usr/bin/env bash
# Prints how many instructions the decode loop takes for a packet (callgrind): the same on a noisy machine.
# Wants valgrind, and target/release/decode_loop (cargo build --release -p pcapviz-benches).
set -euo pipefail
loop="${1:-target/release/decode_loop}"

count() {
    valgrind --tool=callgrind --callgrind-out-file=/dev/null "$loop" "$@" 2>&1 >/dev/null |
        sed -n 's/.*Collected : \([0-9]*\).*/\1/p'
}

whole=$(count)
made=$(count --baseline)
echo "instructions for a packet, read, dissected and counted: $(((whole - made) / 40000))"
