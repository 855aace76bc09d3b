"""Coverage-guided fuzzing of the readers and decoders of bytes, by Atheris (pip install atheris; Linux, Python up to 3.13).

    python -m tests.fuzz.fuzz_reader reader FOLDER [libFuzzer's options, like -max_total_time=300 -max_len=4096]

The target is one of reader, check, entropy, motion, payload. FOLDER keeps what was found to be of interest, and begins with seeds made of
the golden streams. An input that raises anything but the package's errors is written to crash-*; put it into tests/fuzz/found/TARGET, where
tests/test_fuzz.py replays it.
"""
from __future__ import annotations

import sys
from pathlib import Path


def main() -> None:
    try:
        import atheris
    except ImportError:
        sys.exit("fuzzing needs Atheris: pip install atheris")
    with atheris.instrument_imports(include=["zvc69"]):
        from tests.fuzz.targets import TARGETS, seeds
    if len(sys.argv) < 3 or sys.argv[1] not in TARGETS:
        sys.exit(f"usage: python -m tests.fuzz.fuzz_reader {'|'.join(TARGETS)} FOLDER [libFuzzer's options]")
    name, folder, options = sys.argv[1], Path(sys.argv[2]), sys.argv[3:]
    folder.mkdir(parents=True, exist_ok=True)
    if not any(folder.iterdir()):
        for number, data in enumerate(seeds(name)):
            (folder / f"seed-{number}").write_bytes(data)
    target = TARGETS[name]

    def one_input(data: bytes) -> None:
        target(data)

    atheris.Setup([sys.argv[0], *options, str(folder)], one_input)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
