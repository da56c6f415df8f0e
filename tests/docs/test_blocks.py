"""Every Python block of the README and the docs runs as it is, and every example does what it says."""

from __future__ import annotations

import ast
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").glob("*.md"))]
BLOCK = re.compile(r"^```python( no-run)?\n(.*?)^```", re.MULTILINE | re.DOTALL)
RUN = 'import ast, sys\nexec(compile(open(sys.argv[1]).read(), "blocks", "exec"), {"__name__": "__main__"})'


def blocks(page: Path) -> Iterator[tuple[bool, str]]:
    """Give each block and whether it is to be run; one that is not has its reason in a comment before it."""
    text = page.read_text(encoding="utf-8")
    for match in BLOCK.finditer(text):
        if match[1]:
            before = text[: match.start()].rstrip()
            assert before.endswith("-->"), f"{page.name}: a block that is not run says why in a comment before it"
        yield not match[1], match[2]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_the_blocks_of_a_page_run(page: Path, tmp_path: Path) -> None:
    """In their order, sharing names, in a process of their own; what is not run is at least Python."""
    run = [code for wanted, code in blocks(page) if wanted]
    for _, code in blocks(page):
        ast.parse(code)
    script = tmp_path / "blocks.py"
    script.write_text("\n".join(run), encoding="utf-8")
    done = subprocess.run(
        [sys.executable, str(script)], cwd=tmp_path, capture_output=True, text=True, timeout=100, check=False
    )  # fmt: skip

    assert done.returncode == 0, done.stderr[-2000:]


CONTRACT = """
from codeling import AgentError, CodeAgent, DuckDuckGoSearchTool, E2BExecutor, InferenceClientModel, Tool
from codeling.testing import ScriptedModel

def said(work):
    try:
        work()
    except AgentError as error:
        print(type(error).__name__, error)

model = InferenceClientModel(model_id="meta-llama/Llama-3.3-70B-Instruct")
agent = CodeAgent(tools=[DuckDuckGoSearchTool()], model=model)
said(lambda: agent.run("Find the three most cited papers on code generation from 2024."))
model = ScriptedModel([])
agent = CodeAgent(tools=[DuckDuckGoSearchTool()], model=model, executor=E2BExecutor(api_key="..."))
said(lambda: agent.run("Find them."))
said(lambda: Tool.from_hub("m-ric/text-to-image", token="..."))
"""


def test_the_contract_is_accepted_as_written(tmp_path: Path) -> None:
    """The three blocks that users of code agents know: names load, objects are made, and the error is the vendor's.

    The vendors' addresses are closed ports of this machine: no test reaches a network.
    """
    closed = "http://127.0.0.1:9"
    env = {name: value for name, value in os.environ.items() if not name.startswith(("HF_", "E2B_", "HUGGING"))}
    env |= {"HF_ENDPOINT": closed, "E2B_API_URL": closed, "HF_HOME": str(tmp_path), "E2B_CONNECTION_RETRIES": "0"}
    done = subprocess.run(
        [sys.executable, "-c", CONTRACT], env=env, capture_output=True, text=True, timeout=100, check=False
    )
    first, second, third = done.stdout.strip().splitlines()

    assert first.startswith("ModelAccessDenied")
    assert "HF_TOKEN" in first
    assert second.startswith("SandboxError E2B gave no sandbox")
    assert "m-ric/text-to-image" in third
