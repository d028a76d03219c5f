#!/usr/bin/env bash
# Builds the fuzz targets with clang and runs each for some time on one core.
#
#   runtime/capi/fuzz/run.sh [SECONDS_EACH] [WORK_FOLDER]
#
# PYTHON=... picks the Python that has openvino, CLANG=... and CLANGXX=... the compilers.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
seconds=${1:-330}
work=${2:-$here/../build/fuzzing}
bundle=$here/../../bundles/amgan-base
python=${PYTHON:-python3}
openvino=$("$python" -c "import importlib.util as u; print(u.find_spec('openvino').submodule_search_locations[0])")
mkdir -p "$work/manifests" "$work/edits" "$work/zones" "$work/bundle"

work=$(cd "$work" && pwd)

cmake -S "$here/.." -B "$work/build" -G Ninja -DCMAKE_BUILD_TYPE=RelWithDebInfo -DAMGAN_BUILD_FUZZERS=ON \
    -DAMGAN_SANITIZE=fuzzer-no-link,address,undefined "-DCMAKE_C_COMPILER=${CLANG:-clang}" \
    "-DCMAKE_CXX_COMPILER=${CLANGXX:-clang++}" "-DOpenVINO_DIR=$openvino/cmake" >"$work/build.log"
cmake --build "$work/build" --target fuzz_manifest fuzz_bundle fuzz_zones >>"$work/build.log"

# Seeds: the shipped manifest with its names as a dictionary, a bundle of small files, and two edits of it.
cp "$bundle/manifest.json" "$work/manifests/shipped.json"
grep -o '"[a-zA-Z_0-9.]\{2,24\}"' "$bundle/manifest.json" | sort -u | sed 's/"\(.*\)"/"\\"\1\\""/' >"$work/words"
"$python" - "$bundle" "$work/bundle" <<'PYTHON'
import hashlib
import json
import pathlib
import sys

source, small = map(pathlib.Path, sys.argv[1:])
manifest = json.loads((source / "manifest.json").read_text())
for name, entry in manifest["files"].items():
    (small / name).write_bytes((source / name).read_bytes()[:1500])
    entry["sha256"] = hashlib.sha256((small / name).read_bytes()).hexdigest()
for name in ("parity", "export", "created_with"):
    manifest.pop(name)
(small / "manifest.json").write_text(json.dumps(manifest))
PYTHON
printf '\0\0\0\0' >"$work/edits/none"
printf '\1\1\1\1\2\377\3\4' >"$work/edits/some"
"$python" -c 'import struct, sys; sys.stdout.buffer.write(b"\x0f" + struct.pack("<4f2d", 20, 50, 80, 45, 0.4, 0.6))' \
    >"$work/zones/some"

cd "$work"
export UBSAN_OPTIONS=halt_on_error=1
nice "build/fuzz/fuzz_manifest" "-max_total_time=$seconds" -max_len=16384 -dict=words -print_final_stats=1 manifests
AMGAN_FUZZ_BUNDLE=$work/bundle nice "build/fuzz/fuzz_bundle" "-max_total_time=$seconds" -max_len=64 \
    -print_final_stats=1 edits
nice "build/fuzz/fuzz_zones" "-max_total_time=$seconds" -max_len=16384 -print_final_stats=1 zones
