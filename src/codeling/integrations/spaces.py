"""Gradio Spaces, and any running Gradio app, as tools, over the vendor's client.

The app is not trusted. Covered: its answers are data; a file of this machine is read only where the client just
put it for this tool, and sent only when the caller gave its content (from plain code also its path). Not covered:
what the app does with what it is sent.
"""

from __future__ import annotations

import asyncio
import inspect
import io
import keyword
import mimetypes
import shutil
import tempfile
import threading
import typing
import weakref
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path
from typing import Any

from ..errors import EndsRun, MissingDependency, ToolError, UsageError
from ..lookup import load
from ..messages import Audio, Image
from ..tools import Effect, Tool
from .hub_tool import CalledAnywhere

__all__ = ("GradioTool", "SpaceTool", "tool_from_gradio", "tool_from_space")

_TYPES: Mapping[str, Any] = {"string": str, "number": float, "integer": int, "boolean": bool, "array": list}
_LARGEST = 64 << 20
"""Bytes of a file in an answer."""
_LONGEST = 2000
"""Characters of what an app says of itself."""


def tool_from_space(
    space_id: str, /, name: str | None = None, description: str | None = None, *, api_name: str | None = None,
    token: str | None = None, timeout: float = 120.0, effect: Effect = "write",
) -> Tool:  # fmt: skip
    """Give a Space such as `"someone/some-space"`, or the address of a running Gradio app, as a tool.

    `api_name` says which of its endpoints, by default the first that the app lists. `timeout` is in seconds of one
    call. Raises `UsageError` where there is no such Space or endpoint, `EndsRun` where it cannot be reached.
    """
    return SpaceTool(
        space_id, name, description, api_name=api_name, token=token, timeout=timeout, effect=effect
    )  # fmt: skip


class SpaceTool(CalledAnywhere):
    """One endpoint of a Gradio app. It is connected to when the tool is made, to learn what it takes."""

    def __init__(
        self, space_id: str, name: str | None = None, description: str | None = None, *, api_name: str | None = None,
        token: str | None = None, timeout: float = 120.0, effect: Effect = "write",
    ) -> None:  # fmt: skip
        """Connect to the app; see `tool_from_space`."""
        self._space, self._token, self._timeout = space_id, token, timeout
        self._files = Path(tempfile.mkdtemp(prefix="codeling-space-")).resolve()
        weakref.finalize(self, shutil.rmtree, self._files, ignore_errors=True)
        self._calls, self._lock = 0, threading.Lock()
        self._client = self._connected()
        self._endpoint, info = self._chosen(api_name)
        self._parameters = _parameters(info)
        self._returns: list[Mapping[str, Any]] = list(info.get("returns") or [])
        self.effect = effect
        self.name = name or _identifier(self._endpoint.strip("/"), "space")
        told = str(info.get("description") or "")[:_LONGEST]
        self.description = description or f"{told or f'Call {self._endpoint}'} (of the Gradio app {space_id})"
        self.check()

    @cached_property
    def signature(self) -> inspect.Signature:
        """What the endpoint takes, by what the app says of it."""
        kind = inspect.Parameter.POSITIONAL_OR_KEYWORD
        made = [
            inspect.Parameter(name, kind, annotation=given["hint"], default=given["default"])
            for name, given in self._parameters.items()
        ]
        returns = [_hint(given) for given in self._returns]
        one = returns[0] if len(returns) == 1 else tuple[tuple(returns)] if returns else None  # type: ignore[misc]  # built from a tuple
        made.sort(key=lambda parameter: parameter.default is not parameter.empty)
        return inspect.Signature(made, return_annotation=one)

    @cached_property
    def stub(self) -> str:
        """The tool as a model sees it, with what the app calls its inputs."""
        notes = [f"    {name}: {given['note']}" for name, given in self._parameters.items()]
        text = "\n".join([inspect.cleandoc(self.description), "", "Args:", *notes])
        doc = "\n".join(f"    {line}" if line else "" for line in text.splitlines()).strip()
        return f'def {self.name}{self.signature}:\n    """{doc}"""'

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Make the call from plain code, which may name files of this machine by a `Path`."""
        return load("codeling.sync.doors:wait")(self._call(self.signature.bind(*args, **kwargs), own=True))

    async def forward(self, *args: Any, **kwargs: Any) -> Any:
        """Make the call. Raises `ToolError` for what the app says against it, and when it takes too long."""
        return await self._call(self.signature.bind(*args, **kwargs), own=False)

    async def _call(self, bound: inspect.BoundArguments, *, own: bool) -> Any:
        in_thread = load("codeling.sync.threads:in_thread")
        with self._folder() as folder:
            sent = {
                self._parameters[name]["name"]: _sent(value, self._parameters[name], folder, own=own)
                for name, value in bound.arguments.items()
            }
            job = await in_thread(self._client.submit, api_name=self._endpoint, **sent)
            try:
                answer = await asyncio.wait_for(asyncio.wrap_future(job.future), self._timeout)
            except TimeoutError:
                job.cancel()
                raise ToolError(f"{self._space!r} did not answer within {self._timeout:g} s") from None
            except asyncio.CancelledError:
                job.cancel()
                raise
            except Exception as error:  # noqa: BLE001  # foreign code: the client's errors have no common base
                raise ToolError(f"{self._space!r} failed: {self._told(error)}") from None
            return await in_thread(self._read, answer)

    def _read(self, answer: Any) -> Any:
        several = isinstance(answer, (tuple, list)) and len(self._returns) > 1
        return tuple(self._received(item) for item in answer) if several else self._received(answer)

    def _received(self, value: Any) -> Any:
        """An answer with files made into values. Only files that the client put into this tool's folder are read."""
        if isinstance(value, (list, tuple)):
            return type(value)(self._received(item) for item in value)
        if isinstance(value, dict):
            return {key: self._received(item) for key, item in value.items()}
        root = self._files
        if not isinstance(value, str) or not value.startswith(str(root)):
            return value
        path = Path(value).resolve()
        if not path.is_relative_to(root) or not path.is_file():
            return value
        if path.stat().st_size > _LARGEST:
            raise ToolError(f"{self._space!r} gave a file of more than {_LARGEST >> 20} MiB")
        return _value_of(path)

    def _connected(self) -> Any:
        try:
            from gradio_client import Client
        except ImportError as error:
            raise MissingDependency("Tool.from_space needs 'gradio_client': pip install 'codeling[spaces]'") from error
        try:
            return Client(
                self._space, token=self._token, verbose=False, download_files=self._files,
                analytics_enabled=False,
            )  # fmt: skip
        except ValueError as error:
            raise UsageError(f"there is no Gradio app at {self._space!r}: {self._told(error)}") from None
        except Exception as error:  # noqa: BLE001  # foreign code: the client's errors have no common base
            missing = type(error).__name__ == "RepositoryNotFoundError"
            kind = UsageError if missing else EndsRun
            raise kind(f"the Gradio app {self._space!r} cannot be had: {self._told(error)}") from None

    def _chosen(self, api_name: str | None) -> tuple[str, Mapping[str, Any]]:
        named: Mapping[str, Any] = self._client.view_api(return_format="dict", print_info=False)["named_endpoints"]
        if not named:
            raise UsageError(f"the Gradio app {self._space!r} offers no endpoint by name")
        wanted = next(iter(named)) if api_name is None else f"/{api_name.strip('/')}"
        if wanted not in named:
            raise UsageError(f"{self._space!r} has no endpoint {api_name!r}; there are: {', '.join(named)}")
        return wanted, named[wanted]

    @contextmanager
    def _folder(self) -> Iterator[Path]:
        """A folder for what is sent. What calls left behind is removed when no call is under way."""
        with self._lock:
            self._calls += 1
        try:
            yield Path(tempfile.mkdtemp(dir=self._files))
        finally:
            with self._lock:
                self._calls -= 1
                if not self._calls:
                    for path in self._files.iterdir():
                        shutil.rmtree(path, ignore_errors=True)

    def _told(self, error: Exception) -> str:
        text = f"{type(error).__name__}: {error}"
        return text.replace(self._token, "[token]") if self._token else text


class GradioTool(Tool):
    """A tool of the `gradio_tools` style: an object with `name`, `description` and `run`."""

    def __init__(self, gradio_tool: Any) -> None:
        self._tool = gradio_tool
        self.name = _identifier(str(gradio_tool.name), "gradio_tool")
        self.description = str(gradio_tool.description)
        self.check()

    @cached_property
    def signature(self) -> inspect.Signature:
        """What `run` takes; what has no type is text, as these tools have it."""
        given = inspect.signature(self._tool.run)
        hints = typing.get_type_hints(self._tool.run)
        parameters = [p.replace(annotation=hints.get(p.name, str)) for p in given.parameters.values()]
        return given.replace(parameters=parameters, return_annotation=hints.get("return", Any))

    def forward(self, *args: Any, **kwargs: Any) -> Any:
        """Run it."""
        return self._tool.run(*args, **kwargs)


def tool_from_gradio(gradio_tool: Any, /) -> Tool:
    """Give a tool of the `gradio_tools` style. Raises `UsageError` for what has no `name`, `description` and `run`."""
    if missing := [name for name in ("name", "description", "run") if not hasattr(gradio_tool, name)]:
        raise UsageError(f"{gradio_tool!r} is no tool of gradio_tools: it has no {missing[0]!r}")
    return GradioTool(gradio_tool)


def _parameters(info: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """What the app says of each input, by a name that Python takes."""
    found: dict[str, dict[str, Any]] = {}
    for number, given in enumerate(info.get("parameters") or []):
        original = str(given.get("parameter_name") or f"param_{number}")
        name = _identifier(original, f"param_{number}")
        default: Any = inspect.Parameter.empty
        if given.get("parameter_has_default"):
            plain = given.get("parameter_default")
            default = plain if isinstance(plain, (bool, int, float, str)) else None
        is_file = _is_file(given)
        what = f"{given.get('component') or 'value'} {str(given.get('label') or '')[:200]!r}"
        note = f"{what}: the content of a file, as bytes or a picture" if is_file else what
        hint = _hint(given) if default is not None else _hint(given) | None if _hint(given) is not Any else Any
        found[name] = {"name": original, "hint": hint, "default": default, "file": is_file, "note": note}
    return found


def _hint(given: Mapping[str, Any]) -> Any:
    schema = given.get("type")
    if not isinstance(schema, Mapping) or _is_file(given):
        return Any
    choices = schema.get("enum")
    if isinstance(choices, list) and choices and all(isinstance(choice, (str, int)) for choice in choices):
        return typing.Literal.__getitem__(tuple(choices))
    kind = schema.get("type")
    return _TYPES.get(kind, Any) if isinstance(kind, str) else Any


def _is_file(given: Mapping[str, Any]) -> bool:
    kind = given.get("python_type")
    return "filepath" in str(kind.get("type") if isinstance(kind, Mapping) else "")


def _identifier(text: str, otherwise: str) -> str:
    name = "".join(char if char.isascii() and char.isalnum() else "_" for char in text).strip("_")
    return name if name.isidentifier() and not keyword.iskeyword(name) else otherwise


def _sent(value: Any, parameter: Mapping[str, Any], folder: Path, *, own: bool) -> Any:
    """An argument as the client takes it: contents become files in the folder, which the client uploads."""
    if isinstance(value, (list, tuple)):
        return [_sent(item, parameter, folder, own=own) for item in value]
    if isinstance(value, dict):
        if "meta" in value:  # the client would upload whatever file its path names
            raise ToolError("a dict with the key 'meta' cannot be sent to a Gradio app; give a file's content as bytes")
        return {key: _sent(item, parameter, folder, own=own) for key, item in value.items()}
    if isinstance(value, Path) and own:
        return _file(value)
    if parameter["file"] and isinstance(value, (str, Path)):
        raise ToolError(
            f"argument {parameter['name']!r} takes the content of a file: open(path, 'rb').read(), or a picture"
        )
    media_type, data = _content(value)
    if data is None:
        return value
    path = Path(tempfile.mkdtemp(dir=folder)) / f"file{mimetypes.guess_extension(media_type) or '.bin'}"
    path.write_bytes(data)
    return _file(path)


def _file(path: Path) -> dict[str, Any]:
    """A file as Gradio's wire has it."""
    if not path.is_file():
        raise ToolError(f"there is no file {str(path)!r}")
    return {"path": str(path), "meta": {"_type": "gradio.FileData"}, "orig_name": path.name}


def _content(value: Any) -> tuple[str, bytes | None]:
    if isinstance(value, (Image, Audio)):
        return value.media_type, value.data
    if callable(getattr(value, "save", None)) and hasattr(value, "mode"):
        made = load("codeling.forms.images:image_from")(value)
        return made.media_type, made.data
    if isinstance(value, (bytes, bytearray)):
        return _sniffed(bytes(value)), bytes(value)
    return "", None


def _sniffed(data: bytes) -> str:
    try:
        kind: str = load("codeling.forms.images:image_from")(data).media_type
    except UsageError:
        kind = "audio/x-wav" if data[:4] == b"RIFF" else "text/plain" if data.isascii() else ""
    return kind


def _value_of(path: Path) -> Any:
    """A file as a value: a picture of Pillow where that is installed, sound, or bytes."""
    media_type, data = mimetypes.guess_type(path.name)[0] or "", path.read_bytes()
    if media_type.startswith("audio/"):
        return Audio(data, media_type)
    if not media_type.startswith("image/"):
        return data
    try:
        from PIL import Image as Pillow

        picture = Pillow.open(io.BytesIO(data))
        picture.load()
    except Exception:  # noqa: BLE001  # no Pillow, or a file that it cannot read
        return Image(data, media_type)
    return picture
