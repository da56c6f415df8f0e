"""LangChain tools in an agent's programs: its file toolkit, and a function of one's own.

pip install 'codeling[langchain]' langchain-community
python examples/langchain_tools.py [MODEL]
"""

from __future__ import annotations

import sys
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from langchain_community.agent_toolkits import FileManagementToolkit
from langchain_core.tools import tool

from codeling import CodeAgent, Model, TerminalObserver, Tool


@tool
def word_count(text: str, *, longer_than: int = 0) -> int:
    """Count the words of a text, or those longer than so many letters."""
    return sum(len(word) > longer_than for word in text.split())


def main(model: Model | str = "local") -> Any:
    """Ask about a file that only the tools can read."""
    with TemporaryDirectory() as folder:
        (Path(folder) / "note.txt").write_text("A short note about long words", encoding="utf-8")
        files = FileManagementToolkit(root_dir=folder, selected_tools=["read_file", "list_directory"]).get_tools()
        tools = [Tool.from_langchain(found, effect="read") for found in (*files, word_count)]
        agent = CodeAgent(tools=tools, model=model, observers=[TerminalObserver()])
        return agent.run("Which file is there, and how many words of it are longer than 4 letters?")


if __name__ == "__main__":
    print(main(*sys.argv[1:]))
