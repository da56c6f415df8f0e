"""The JSON form of action: the model calls tools natively, or writes the calls as text."""

from __future__ import annotations

import asyncio
import inspect
import json
import re
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from typing import Any, ClassVar, cast

from ..errors import ParseError, ToolError
from ..events import RunStarted, StepFinished, ToolCallFinished
from ..lookup import load
from ..messages import Json, Message, Reply, ToolCall, ToolSchema
from ..prompt import Form
from ..tools import Tool
from .calls import TextCall, begun, read_calls
from .catalogue import signatures
from .fitting import shown
from .inner import Calls, let
from .outline import cut
from .pictures import picture_of
from .schema import parameters_of, schema_of
from .stubs import first_line

__all__ = ("CallingForm", "WrittenForm", "calling_form", "carry_out")

FINAL = "final_answer"
UNREADABLE = "unreadable_arguments"
"""The one argument of a native call whose arguments could not be read; models name it so, in `models/answer.py`."""
_UNDEFINED = re.compile(r"^NameError: name '(\w+)' is not defined", re.MULTILINE)
MOST_SCHEMAS = 24_000
"""Characters of schemas that are sent whole."""


class CallingForm(Form):
    """The model acts by tool calls, each with its own result."""

    file: ClassVar[str] = "calls"

    def __init__(
        self, tools: Iterable[Tool], *, instructions: str = "", result_type: Any = None, model: Any = None
    ) -> None:
        """Describe the tools and `final_answer` as providers want it."""
        super().__init__(tools, instructions=instructions, result_type=result_type, model=model)
        answer: Json = {"description": "The answer to the task."} if result_type is None else schema_of(result_type)
        final = ToolSchema(
            name=FINAL,
            description="Give the final answer to the task.",
            parameters={"type": "object", "properties": {"answer": answer}, "required": ["answer"]},
        )
        self.schemas = (*_fitting([_schema(tool) for tool in self.tools]), final)

    def task(self, started: RunStarted) -> Message:
        """The task, with what the variables hold: there are no programs that could look."""
        message = super().task(replace(started, variables={}))
        values = [f"- {name}: {cut(_text(value))}" for name, value in started.variables.items()]
        given = "\n".join(["What you are given:", *values, "", ""]) if values else ""
        return replace(message, content=f"{given}{message.content}")

    def tidy(self, reply: Reply) -> Reply:
        """Give every call an id of its own, and read the calls that the model wrote as text."""
        calls, content = reply.calls, reply.content
        if not calls and (read := read_calls(content, [*(tool.name for tool in self.tools), FINAL])):
            calls = tuple(self._named(call) for call in read)
            content = ""
        seen: set[str] = set()
        unique = []
        for number, call in enumerate(calls, 1):
            taken = not call.id or call.id in seen
            unique.append(replace(call, id=f"call_{reply.usage.total_tokens}_{number}") if taken else call)
            seen.add(call.id)
        return replace(reply, calls=tuple(unique), content=content)

    def _named(self, call: TextCall) -> ToolCall:
        """Give the call with its arguments by their names, as every provider wants them back, where they have names."""
        tool = next((tool for tool in self.tools if tool.name == call.name), None)
        parameters = tool.signature.parameters.values() if tool else ()
        names = [p.name for p in parameters if p.kind is p.POSITIONAL_OR_KEYWORD] if tool else ["answer"]
        if len(call.args) > len(names):  # the tool says what is wrong with them, or takes them as they are
            return ToolCall(id="", name=call.name, args=tuple(call.args), kwargs=call.kwargs)
        return ToolCall(id="", name=call.name, kwargs={**dict(zip(names, call.args, strict=False)), **call.kwargs})

    def observe(
        self, finished: StepFinished, calls: Sequence[ToolCall], results: Mapping[str, ToolCallFinished]
    ) -> list[Message]:
        """Each call's result as a message of its own."""
        told = [
            Message(role="tool", call_id=call.id, content=self._result(call, results.get(call.id))) for call in calls
        ]
        if told and not finished.error:
            return [*told, *self._pictures(calls, results)]
        note = self._told(finished)
        return [*told, Message(role="user", content=note)] if note else told

    def _result(self, call: ToolCall, ended: ToolCallFinished | None) -> str:
        """What came of a call. A program that is its argument may have called tools, as if it had them."""
        told = _result(call, ended)
        wanted = _UNDEFINED.search((ended and ended.error) or "")
        if wanted and any(tool.name == wanted[1] != call.name for tool in self.tools):
            told += (
                f"\nNote: {call.name} has no tools. Call {wanted[1]} by itself and write its result into the program."
            )
        return told

    def _pictures(self, calls: Sequence[ToolCall], results: Mapping[str, ToolCallFinished]) -> list[Message]:
        """The calls' results that are pictures, for a model that sees."""
        ended = [end for call in calls if (end := results.get(call.id)) and self._sees]
        images = tuple(image for end in ended if (image := picture_of(end.value)))
        return (
            [Message(role="user", content="The pictures, in the order of the calls:", images=images)] if images else []
        )


class WrittenForm(CallingForm):
    """For models that make no calls by themselves: they are shown, by examples, to write them as JSON."""

    file: ClassVar[str] = "written"

    def __init__(self, tools: Iterable[Tool], **options: Any) -> None:
        """Describe the tools beside the task; the provider is told of none."""
        super().__init__(tools, **options)
        self.schemas = ()

    def tidy(self, reply: Reply) -> Reply:
        """Keep of the reply its calls, as they should have been written."""
        read = super().tidy(reply)
        written = [{"name": call.name, "arguments": dict(call.kwargs) or list(call.args)} for call in read.calls]
        lines = [json.dumps(call, default=str, ensure_ascii=False) for call in written]
        return replace(read, content="\n".join(lines) or read.content)

    def observe(
        self, finished: StepFinished, calls: Sequence[ToolCall], results: Mapping[str, ToolCallFinished]
    ) -> list[Message]:
        """All results in one message."""
        told = [f"{call.name}: {self._result(call, results.get(call.id))}" for call in calls if call.name != FINAL]
        if finished.error or not told:
            told.append(self._told(finished))
        text = "\n".join(part for part in told if part)
        return [Message(role="user", content=text), *self._pictures(calls, results)] if text else []

    def _functions(self) -> str:
        stubs = signatures(self.tools)
        return f"Tools you can call:\n{stubs}" if stubs else "There are no tools but final_answer."


def calling_form(tools: Iterable[Tool], *, model: Any = None, **options: Any) -> CallingForm:
    """Give the form that suits the model: calls of its provider, or calls that it writes."""
    kind = CallingForm if getattr(model, "calls_natively", True) else WrittenForm
    return kind(tools, model=model, **options)


async def carry_out(reply: Reply, step: int, *, calls: Calls) -> StepFinished:
    """Make a reply's calls, all at once. One that fails loses nothing of the others.

    A reply in plain words, without a call or what was meant for one, is the answer. `final_answer` counts
    only when it comes alone: beside other calls the model has not read their results yet.
    A reply that hit its length limit is asked for again: what is left of it may be half a call.
    """
    if reply.finish == "length":
        raise ParseError(
            "Your reply was cut off at its length limit, and nothing in it was called. Make it shorter: "
            "fewer calls at once, or shorter arguments."
        )
    if not reply.calls:
        if not reply.content.strip():
            raise ParseError("Your reply was empty. Call a tool, or call final_answer with the answer.")
        if name := begun(reply.content, [*calls.tools, FINAL]):
            raise ParseError(
                f"Your reply begins as a call of {name}, but its JSON cannot be read, so nothing was called. Write it "
                "again: inside a text, line ends as \\n and quotes as ', and close every text and brace."
            )
        return StepFinished(step=step, final=True, answer=reply.content.strip())
    read = [made for made in reply.calls if UNREADABLE not in made.kwargs]
    finals = [made for made in read if made.name == FINAL]
    others = [made for made in read if made.name != FINAL]
    ended = await asyncio.gather(*(_make(calls, made) for made in others), return_exceptions=True)
    for failure in ended:
        if failure is not None:
            raise failure
    if finals and len(finals) == len(reply.calls):
        answer = next(iter([*finals[0].args, *finals[0].kwargs.values()]), None)
        if isinstance(answer, dict) and list(answer) == ["answer"]:
            answer = answer["answer"]
        return StepFinished(step=step, final=True, answer=answer)
    note = "final_answer was not taken: call it alone, once you have read the results." if finals else None
    return StepFinished(step=step, error=note)


async def _make(calls: Calls, made: ToolCall) -> None:
    """Make a call, in a task of its own. What came of it is recorded, be it an error; what ends the run is raised."""
    let(calls, made)
    with suppress(ToolError):
        await calls(made)


def _schema(tool: Tool) -> ToolSchema:
    notes = {name: str(spec["description"]) for name, spec in tool.inputs.items() if spec.get("description")}
    schema = ToolSchema(
        name=tool.name,
        description=inspect.cleandoc(tool.description),
        parameters=getattr(tool, "parameters", None) or parameters_of(tool.signature, notes),
    )
    return cast("ToolSchema", load("codeling.secrets.masking:masked")(schema))


def _fitting(schemas: Sequence[ToolSchema]) -> Sequence[ToolSchema]:
    """Where the schemas are long together, leave out all but types and a sentence for each tool.

    Providers take calls only of tools that they were given, so none can be left out.
    """
    if sum(len(json.dumps(schema.parameters)) + len(schema.description) for schema in schemas) <= MOST_SCHEMAS:
        return schemas
    return [
        replace(schema, description=first_line(schema.description), parameters=_bare(schema.parameters))
        for schema in schemas
    ]


def _bare(schema: Json) -> Json:
    """A schema without what is only said to readers."""
    if isinstance(schema, list):
        return [_bare(item) for item in schema]
    if not isinstance(schema, dict):
        return schema
    named = {"properties", "$defs", "definitions"}  # their keys are names, not words of the schema
    return {
        key: {name: _bare(part) for name, part in value.items()}
        if key in named and isinstance(value, dict)
        else _bare(value)
        for key, value in schema.items()
        if key not in ("description", "title", "examples", "$comment", "$schema")
    }


def _result(call: ToolCall, ended: ToolCallFinished | None) -> str:
    if UNREADABLE in call.kwargs:
        given = str(call.kwargs[UNREADABLE])
        return f"Error: this call was not made: its arguments are no JSON object but {given[:500]!r}. Write them anew."
    if ended is None:
        return "Received." if call.name == FINAL else "Error: this call was not made."
    if ended.error is not None:
        return f"Error: {ended.error}"
    return "A picture." if picture_of(ended.value) else cut(_text(ended.value), None)


def _text(value: Any) -> str:
    if isinstance(value, str):
        return value
    try:
        return json.dumps(value, ensure_ascii=False)
    except (TypeError, ValueError):
        pass
    try:
        return str(load("codeling.secrets.masking:masked")(str(value)))
    except Exception:  # noqa: BLE001  # foreign code: such as a number with more digits than Python writes
        return shown(value)
