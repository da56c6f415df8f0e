"""The corpus can fail: without a wall, in a jail, the same attacks come through."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from .control import jailed

ROOT = Path(__file__).parents[2]
THROUGH = (
    "027_ctypes_libc_system", "035_subprocess_shell", "041_read_ssh_key", "057_hardlink_host_file", "063_write_canary_dir",
    "079_tcp_loopback_host", "085_unix_abstract_socket", "091_bind_listen", "103_pidfd_open_victim", "304_sysv_shm_and_sem",
    "311_fcntl_sigio_owner", "326_rename_in_and_out", "327_links_into_the_host", "331_unix_datagram_path", "333_udp_and_dns",
    "372_multiprocessing_and_subprocess",
)  # fmt: skip


def test_without_a_wall_the_attacks_come_through() -> None:
    """Reading, writing, connecting, signalling and starting processes all succeed when nothing stops them."""
    allowed = subprocess.run(["unshare", "-Urmpn", "--fork", "true"], capture_output=True, check=False)
    if allowed.returncode:
        pytest.skip(f"no jail can be built here: {allowed.stderr.decode().strip()}")
    if any(str(path).startswith("/tmp/") for path in (ROOT, sys.prefix)):
        pytest.skip("the jail has a /tmp of its own, and this checkout or its interpreter lies in /tmp")
    programs = [ROOT / "tests" / "escapes" / f"{name}.py" for name in THROUGH]
    done = subprocess.run(jailed(*programs), capture_output=True, text=True, check=False, timeout=100, cwd=ROOT)
    assert done.returncode == 0, done.stderr
    came = {name: why for name, passed, why in json.loads(done.stdout) if not passed}

    assert set(came) == set(THROUGH)
    assert "reached the network" in came["079_tcp_loopback_host"]
    assert "on the host" in came["063_write_canary_dir"]


def test_the_control_runs_in_a_jail_only() -> None:
    """Outside the jail it refuses to start."""
    import sys

    done = subprocess.run(
        [sys.executable, "-m", "tests.sandbox.control"], capture_output=True, text=True, check=False, cwd=ROOT
    )

    assert "only inside the jail" in done.stderr
