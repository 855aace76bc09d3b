#!/bin/bash
# All that waits for a GPU, in one go: checks against the CPU, compute-sanitizer, speed, roofline (docs/GPU.md). Arguments go to benchmarks.gpu.
# Needs Python with NumPy, CuPy, Cython and the CUDA toolkit's NVRTC; CMake and a C++ compiler; neither PyAV nor a network.
set -u
cd "$(dirname "$0")/.."
python=${PYTHON:-python3}
out=${OUT:-benchmarks/results}
mkdir -p "$out"

if ! "$python" -c "import benchmarks.without_av as w; w.install(); import zvc69" 2>/dev/null; then
    echo "building the compiled modules in place"
    cmake -S . -B build/gpu -DZVC69_INPLACE=ON -DCMAKE_BUILD_TYPE=Release -DPython_EXECUTABLE="$(command -v "$python")" >/dev/null && cmake --build build/gpu --parallel >/dev/null || exit 1
fi

# Checks and speed take three and a half minutes at most, the sanitizers, side by side, less than a minute and a half: five together.
timeout 210 "$python" -m benchmarks.gpu --out "$out/gpu.json" "$@" | tee "$out/gpu.md"
status=${PIPESTATUS[0]}
[ "$status" -eq 2 ] && exit 2
[ "$status" -eq 124 ] && echo "benchmarks.gpu ran out of time: $out/gpu.json has what was done until then"

sanitizer=$(command -v compute-sanitizer || ls /usr/local/cuda/bin/compute-sanitizer 2>/dev/null)
if [ -z "$sanitizer" ]; then
    echo "compute-sanitizer is not installed: not run"
    exit "$status"
fi
for tool in memcheck racecheck initcheck; do
    timeout 85 "$sanitizer" --tool "$tool" --error-exitcode 9 "$python" -m benchmarks.gpu --checks-only --sizes 128x96 --frames 4 --out "$out/gpu_$tool.json" \
        >"$out/gpu_$tool.txt" 2>&1 &
    eval "$tool=$!"
done
for tool in memcheck racecheck initcheck; do
    wait "${!tool}"
    code=$?
    echo "compute-sanitizer $tool"
    tail -3 "$out/gpu_$tool.txt"
    [ "$code" -eq 0 ] || { echo "$tool: exit status $code, see $out/gpu_$tool.txt"; status=1; }
done
exit "$status"
