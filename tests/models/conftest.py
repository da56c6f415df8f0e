"""A real llama.cpp server with a real small model, and a loopback server for what a real one will not do on demand."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path

import certifi
import pytest

from codeling.models import weights

from .loopback import KEY, Loopback


@pytest.fixture(scope="session", autouse=True)
def no_certificates(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Spare every client the reading of a hundred certificates: nothing here is reached by TLS."""
    one = tmp_path_factory.mktemp("certificates") / "one.pem"
    pem = Path(certifi.where()).read_text(encoding="ascii")
    one.write_text(pem[: pem.index("-----END CERTIFICATE-----") + 26], encoding="ascii")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SSL_CERT_FILE", str(one))
        patch.delenv("AWS_CA_BUNDLE", raising=False)
        yield


@pytest.fixture(scope="session")
def gguf() -> Path:
    """The file of the smallest model; fetched where the machine has not got it."""
    return weights.fetch("smollm2-135m")


@pytest.fixture(scope="session")
def llama(gguf: Path) -> Iterator[str]:
    """The address of a real llama.cpp server that wants a key."""
    library = import_module("xllamacpp")
    params = library.CommonParams()
    params.model.path = str(gguf)
    params.model_alias = {"smollm2"}
    params.n_ctx, params.n_parallel, params.n_batch, params.n_ubatch = 2048, 1, 128, 128
    params.cpuparams.n_threads = params.cpuparams_batch.n_threads = 1
    params.offline, params.ui, params.verbosity = True, False, -1
    params.api_keys = [KEY]
    server = library.Server(params)
    yield f"{server.listening_address}/v1"
    del server


@pytest.fixture
def loopback() -> Iterator[Loopback]:
    """A server that misbehaves on demand."""
    server = Loopback()
    yield server
    server.shutdown()
    server.server_close()
    assert server.faults == []


_NAMED = re.compile(
    r"\[(?:conformance of )?(?P<name>[\w .-]+) \((?P<what>[^()]*real[^()]*)\)|test_conformance_of_(?P<test>local|transformers)"
)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    """After `pytest -k conformance`, list every adapter with what was real, what was recorded, and how it went."""
    if "conformance" not in config.option.keyword:
        return
    seen: dict[tuple[str, str], Counter[str]] = {}
    for outcome in ("passed", "failed", "error", "skipped"):
        for report in terminalreporter.stats.get(outcome, ()):
            found = _NAMED.search(report.nodeid) if "tests/models/" in report.nodeid else None
            if found:
                name = found["name"] or found["test"].replace("_", " ")
                seen.setdefault((name, found["what"] or "all real: in the process"), Counter())[outcome] += 1
    terminalreporter.section("adapters, and what they were tested with")
    width = max((len(name) for name, _ in seen), default=0)
    for (name, what), counts in sorted(seen.items()):
        told = ", ".join(f"{number} {outcome}" for outcome, number in counts.items())
        terminalreporter.write_line(f"{name:<{width}}  {what} ({told})")
