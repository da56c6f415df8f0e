"""A tool as a web page: what the `app.py` of a published tool shows. It needs Gradio."""

from __future__ import annotations

import inspect
import json
import typing
from typing import Any

from ..errors import BadArguments, MissingDependency
from ..lookup import load
from ..messages import Audio, Image
from ..tools import Tool

__all__ = ("tool_app",)


def tool_app(tool: Tool) -> Any:
    """Give a Gradio app with one field for each of the tool's arguments, and its result.

    What has no field of its own is written as JSON. Raises `MissingDependency` without Gradio.
    """
    try:
        import gradio
    except ImportError as error:
        raise MissingDependency("the page of a tool needs 'gradio': pip install gradio") from error
    parameters = tool.signature.parameters
    fields = [_field(gradio, tool, parameter) for parameter in parameters.values()]
    readers = [_reader(tool, parameter) for parameter in parameters.values()]

    async def call(*given: Any) -> Any:
        chosen = zip(parameters, readers, given, strict=True)
        arguments = {name: read(value) for name, read, value in chosen if value is not None}
        try:
            value = await tool.run(tool.bind((), arguments))
        except BadArguments as error:
            raise gradio.Error(str(error)) from None
        return _shown(value, output)

    output = tool.output_type
    return gradio.Interface(
        call, fields, _result(gradio, tool), title=tool.name, description=inspect.cleandoc(tool.description),
        api_name=tool.name, flagging_mode="never", analytics_enabled=False,
    )  # fmt: skip


def _kind(tool: Tool, parameter: inspect.Parameter) -> Any:
    """The type that a field is for: a file's type where `inputs` say so, otherwise the annotation without None."""
    said = str(tool.inputs.get(parameter.name, {}).get("type"))
    if said in ("image", "audio"):
        return said
    members = [member for member in typing.get_args(parameter.annotation) if member is not type(None)]
    is_union = load("codeling.forms.annotations:UNIONS")
    only = members[0] if typing.get_origin(parameter.annotation) in is_union and len(members) == 1 else None
    return only or parameter.annotation


def _field(gradio: Any, tool: Tool, parameter: inspect.Parameter) -> Any:
    kind = _kind(tool, parameter)
    default = None if parameter.default is parameter.empty else parameter.default
    info = str(tool.inputs.get(parameter.name, {}).get("description") or "") or None
    if kind == "image":
        return gradio.Image(type="pil", label=parameter.name)
    if kind == "audio":
        return gradio.Audio(type="filepath", label=parameter.name)
    if typing.get_origin(kind) is typing.Literal:
        return gradio.Dropdown(list(typing.get_args(kind)), value=default, label=parameter.name, info=info)
    if kind is bool:
        return gradio.Checkbox(bool(default), label=parameter.name, info=info)
    if kind in (int, float):
        return gradio.Number(default, precision=0 if kind is int else None, label=parameter.name, info=info)
    told = info if kind is str else f"{info or ''} (as JSON)".strip()
    written = default if default is None or kind is str else json.dumps(default, default=str)
    return gradio.Textbox(written, label=parameter.name, info=told)


def _reader(tool: Tool, parameter: inspect.Parameter) -> Any:
    """What makes a field's value the tool's argument."""
    kind = _kind(tool, parameter)
    plain = kind in ("image", "audio", str, bool, int, float) or typing.get_origin(kind) is typing.Literal
    return (lambda value: value) if plain else _from_json


def _from_json(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return text


def _result(gradio: Any, tool: Tool) -> Any:
    returns = tool.signature.return_annotation
    if tool.output_type == "image":
        return gradio.Image(label="result", format="png")
    if tool.output_type == "audio":
        return gradio.Audio(label="result")
    if tool.output_type == "string" or returns is str:
        return gradio.Textbox(label="result")
    return gradio.JSON(label="result")


def _shown(value: Any, output: str) -> Any:
    if isinstance(value, Image) and output == "image":
        from PIL import Image as Pillow

        return Pillow.open(load("io:BytesIO")(value.data))
    if isinstance(value, Audio):
        return value.data
    plain = output in ("image", "audio") or isinstance(value, (str, int, float, bool, type(None)))
    return value if plain else json.loads(json.dumps(value, default=str))
