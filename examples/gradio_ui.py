"""An agent as a chat page, for one visitor or many.

python examples/gradio_ui.py [MODEL]
"""

from __future__ import annotations

import sys
from typing import Any

from tables import read_table

from codeling import CodeAgent, GradioUI, Model


def page(model: Model | str = "local") -> GradioUI:
    """Give the page; `launch` serves it to this machine, `build` gives it to be mounted into another app."""
    agent = CodeAgent([read_table], model, name="planets", description="Answers questions about tables.")
    return GradioUI(agent)


def main(model: Model | str = "local") -> Any:
    """Serve the page until Ctrl-C."""
    return page(model).launch()


if __name__ == "__main__":
    main(*sys.argv[1:])
