"""`python -m codeling` is the command."""

from __future__ import annotations

import sys
from importlib import import_module

sys.exit(import_module("codeling.cli").main())
