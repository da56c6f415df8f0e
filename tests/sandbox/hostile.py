"""A worker that is no worker: says what it was told to, and nothing else. Run by `CommandExecutor`.

usage: hostile.py SCRIPT … SIZE, the script a JSON list of steps: a text is bytes in base64 to send, a number is
seconds to sleep, `"read"` waits for one frame of the host, `"flood"` repeats the bytes that follow for ever, `"end"` closes
the stream.
"""

from __future__ import annotations

import base64
import json
import os
import struct
import sys
import time


def exactly(count: int) -> bytes:
    """Read so many bytes from the host."""
    data = b""
    while len(data) < count:
        data += os.read(0, count - len(data)) or sys.exit(0)
    return data


def main() -> None:
    """Play the script."""
    exactly(int(sys.argv[-1]))  # the honest worker's source
    script = json.loads(sys.argv[1])
    while script:
        step = script.pop(0)
        if isinstance(step, (int, float)):
            time.sleep(step)
        elif step == "read":
            exactly(struct.unpack("<I", exactly(4))[0])
        elif step == "end":
            return
        elif step == "flood":
            data = base64.b64decode(script.pop(0))
            while True:
                os.write(1, data)
        else:
            left = base64.b64decode(step)
            while left:
                left = left[os.write(1, left) :]


if __name__ == "__main__":
    main()
