#!/usr/bin/env bash
# Builds libamgan and its test driver with AddressSanitizer + UndefinedBehaviorSanitizer, then with ThreadSanitizer, and
# runs the driver: every status, and four threads on one handle each and on a shared one.
#
#   runtime/capi/check_sanitizers.sh [BUILD_FOLDER]      PYTHON=... picks the Python that has openvino
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
work=${1:-$here/build/sanitizers}
bundle=$here/../bundles/amgan-base
python=${PYTHON:-python3}
openvino=$("$python" -c "import importlib.util as u; print(u.find_spec('openvino').submodule_search_locations[0])")
mkdir -p "$work/empty" "$work/broken"
work=$(cd "$work" && pwd)

# A bundle whose network is garbage, with the right hash.
"$python" - "$bundle" "$work/broken" <<'PYTHON'
import hashlib
import json
import pathlib
import shutil
import sys

source, broken = map(pathlib.Path, sys.argv[1:])
shutil.copytree(source, broken, dirs_exist_ok=True)
(broken / "generator.onnx").write_bytes(b"garbage")
manifest = json.loads((broken / "manifest.json").read_text())
manifest["files"]["generator.onnx"]["sha256"] = hashlib.sha256(b"garbage").hexdigest()
(broken / "manifest.json").write_text(json.dumps(manifest))
PYTHON

build() {
    cmake -S "$here" -B "$work/$1" -G Ninja -DCMAKE_BUILD_TYPE=RelWithDebInfo -DAMGAN_BUILD_TESTS=ON \
        -DAMGAN_WERROR=ON "-DAMGAN_SANITIZE=$2" "-DOpenVINO_DIR=$openvino/cmake" >"$work/$1.log"
    cmake --build "$work/$1" >>"$work/$1.log" || { cat "$work/$1.log"; exit 1; }
}

drive() {
    echo "== $1"
    "$work/$1/tests/amgan_driver" faults "$bundle" "$work/broken" "$work/empty" | tail -1
    "$work/$1/tests/amgan_driver" threads "$bundle"
}

# TBB would load a part of itself in a way that AddressSanitizer refuses.
export TBB_ENABLE_SANITIZERS=1

build asan address,undefined
export ASAN_OPTIONS=detect_stack_use_after_return=1:strict_string_checks=1
export UBSAN_OPTIONS=halt_on_error=1:print_stacktrace=1
drive asan

build tsan thread
export TSAN_OPTIONS=halt_on_error=1:suppressions=$here/suppressions/tsan.txt:print_suppressions=0
drive tsan
echo "== clean"
