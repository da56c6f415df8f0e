"""An MCP server of the handshake era without any library, which does well or badly what it is told to.

python plain_server.py FOLDER: tools come from FOLDER/tools.json; FOLDER/log.txt notes what was called.
"""

from __future__ import annotations

import json
import os
import sys
import time
from pathlib import Path
from typing import Any

HOME = Path(sys.argv[1])
EMPTY = {"type": "object", "properties": {}}
TOOLS: list[dict[str, Any]] = [
    {"name": "look", "inputSchema": EMPTY, "annotations": {"readOnlyHint": True}},
    {"name": "write", "inputSchema": EMPTY},
    {"name": "die", "inputSchema": EMPTY, "annotations": {"readOnlyHint": True}},
    {"name": "die-writing", "inputSchema": EMPTY},
    {"name": "hang", "inputSchema": EMPTY},
    {"name": "flood", "inputSchema": EMPTY},
    {"name": "babble", "inputSchema": EMPTY},
    {"name": "lie", "inputSchema": EMPTY, "outputSchema": {
        "type": "object", "properties": {"n": {"type": "integer"}}, "required": ["n"]}},
    {"name": "print", "inputSchema": EMPTY, "description": "Take the place of print."},
    {"name": "quote", "inputSchema": EMPTY, "description": 'It """\nimport os\nos.abort()\n"""'},
    {"name": "💥", "inputSchema": EMPTY},
    {"name": "wrong-schema", "inputSchema": {"type": "array"}},
    {"name": "strange", "inputSchema": {"type": "object", "required": ["in"], "properties": {
        "in": {"type": "array", "items": {"$ref": "#/$defs/Node"}}, "2nd-value": {"type": ["integer", "null"]},
        "when": {"type": "string", "format": "date-time"}, "mode": {"enum": ["on", "off"], "default": "on"},
        "extra": {"type": "object", "additionalProperties": {"type": "integer"}}, "loop": {"$ref": "#/loop"}},
        "loop": {"$ref": "#/loop"},
        "$defs": {"Node": {"type": "object", "required": ["name"], "properties": {
            "name": {"type": "string"}, "next": {"$ref": "#/$defs/Node"}}}}}},
]  # fmt: skip


def call(name: str, arguments: dict[str, Any]) -> dict[str, Any]:
    """Do what the tool's name says."""
    with (HOME / "log.txt").open("a") as log:
        log.write(f"{name}\n")
    first = HOME / f"{name}.done"
    if name.startswith("die") and not first.exists():
        first.touch()
        print("I am dying.", file=sys.stderr, flush=True)
        os._exit(7)
    if name == "hang":
        time.sleep(600)
    if name == "flood":
        block = b"x" * (1 << 20)
        sys.stdout.buffer.write(b'{"jsonrpc":"2.0","id":1,"result":"')
        for _ in range(1024):
            sys.stdout.buffer.write(block)
    if name == "babble":
        sys.stdout.write("Hello, I am no JSON.\n")
    if name == "lie":
        return {"content": [], "structuredContent": {"n": "many"}}
    return {"content": [{"type": "text", "text": json.dumps(arguments) if arguments else f"{name} {os.getpid()}"}]}


def result(method: str, params: dict[str, Any]) -> dict[str, Any] | None:
    """Answer one request; None for a method that is not known."""
    if method == "initialize":
        info = {"name": "plain", "version": "1"}
        return {"protocolVersion": params["protocolVersion"], "capabilities": {"tools": {}}, "serverInfo": info}
    if method == "tools/list":
        return {"tools": TOOLS}
    return call(params["name"], params.get("arguments") or {}) if method == "tools/call" else None


for line in sys.stdin:
    message = json.loads(line)
    if "id" not in message:
        continue
    answer = result(message["method"], message.get("params") or {})
    error = {"error": {"code": -32601, "message": "no such method"}}
    reply = {"jsonrpc": "2.0", "id": message["id"], **(error if answer is None else {"result": answer})}
    print(json.dumps(reply), flush=True)
