"""`python -m fuzz` runs a million cases against what reads the wire, guided by the code that they reach.

Two targets, each in a process of its own: `frames` cuts arbitrary bytes into frames and reads the values in
them; `values` builds trees of the codec's own kinds with wrong parts. A case fails where anything but
`WireBroken` comes out of reading, anything but ValueError out of writing back, or it takes too long.
The input of a failed case is kept in the folder that `--keep` names.
"""

from __future__ import annotations

import argparse
import importlib.util
import subprocess
import sys
import tempfile
import time
from pathlib import Path

TARGETS = ("frames", "values")


def main() -> int:
    """Run the targets one after the other. Gives 1 where a case failed."""
    parser = argparse.ArgumentParser(prog="python -m fuzz", description=__doc__)
    parser.add_argument("targets", nargs="*", metavar="TARGET", help=f"any of {', '.join(TARGETS)}; all without one")
    parser.add_argument("--cases", type=int, default=1_000_000, help="in all (1,000,000)")
    parser.add_argument("--seconds", type=int, default=0, help="at most, for each target (no limit)")
    parser.add_argument("--seed", type=int, default=0, help="of the random choices; 0 is another one each time")
    parser.add_argument("--keep", type=Path, default=Path(tempfile.gettempdir()), help="where failing inputs go")
    options = parser.parse_args()
    if importlib.util.find_spec("atheris") is None:
        parser.error("the fuzzer is not installed: pip install atheris")
    if unknown := set(options.targets) - set(TARGETS):
        parser.error(f"there is no target {min(unknown)!r}; there are {', '.join(TARGETS)}")
    chosen = options.targets or TARGETS
    codes = [_run(target, options.cases // len(chosen), options) for target in chosen]
    return int(any(codes))


def _run(target: str, cases: int, options: argparse.Namespace) -> int:
    since = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="codeling-fuzz-") as corpus:
        done = subprocess.run(
            [
                sys.executable, "-m", "fuzz.targets", target, f"-runs={cases}", f"-max_total_time={options.seconds}",
                f"-seed={options.seed}", f"-artifact_prefix={options.keep}/codeling-{target}-", "-timeout=20",
                "-rss_limit_mb=3000", "-max_len=4096", "-verbosity=0", "-print_final_stats=1", corpus,
            ],
            check=False, capture_output=True, text=True,
        )  # fmt: skip
    stats = dict(
        line.removeprefix("stat::").split(":") for line in done.stderr.splitlines() if line.startswith("stat::number")
    )
    ran = stats.get("number_of_executed_units", "0").strip()
    print(
        f"{target}: {int(ran):,} cases in {time.monotonic() - since:.0f} s, {'FAILED' if done.returncode else 'no failure'}"
    )
    if done.returncode:
        print(done.stderr[-4000:])
    return done.returncode


if __name__ == "__main__":
    sys.exit(main())
