"""Our agents on our tasks. Runs in this project's interpreter, as a child of `bench/agents.py`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from codeling import CodeAgent, EndsRun, OpenAIModel, PythonInterpreterTool, RunResult, ToolCallingAgent
from codeling.events import AnswerRejected, ModelReplied, StepFinished, ToolCallFinished

from .attempts import MAX_STEPS, MAX_TOKENS, Ended, Solve, main
from .checks import Task

_AGENTS = {"codeling-code": CodeAgent, "codeling-calls": ToolCallingAgent}


def solver(agent: str, url: str) -> Solve:
    """Give a function that works on one task with a fresh agent."""
    # The model's own template knows no tool calls, so JSON agents are shown how to write them; they get Python as a tool.
    model = OpenAIModel(
        "local", api_base=url, api_key="x", temperature=0, max_tokens=MAX_TOKENS, calls_natively=False
    )  # fmt: skip
    extra = (PythonInterpreterTool(),) if agent == "codeling-calls" else ()

    def solve(task: Task) -> Ended:
        worker = _AGENTS[agent](tools=(*task.tools, *extra), model=model, max_steps=MAX_STEPS)
        try:
            return _ended(worker.run(task.question, return_full_result=True))
        except EndsRun as error:
            return _ended(error.result, error=f"{type(error).__name__}: {error}")
        finally:
            if isinstance(worker, CodeAgent):
                worker.close()

    return solve


def _ended(result: RunResult | None, *, error: str | None = None) -> Ended:
    if result is None:
        return Ended(error=error)
    return Ended(
        answer=None if error else result.output,
        finished=result.state == "success",
        error=error or result.error,
        calls=sum(isinstance(event, ModelReplied) for event in result.events),
        input_tokens=result.usage.input_tokens,
        output_tokens=result.usage.output_tokens,
        transcript=list(_told(result)),
    )


def _told(result: RunResult) -> Iterator[Mapping[str, str | None]]:
    reply, seen = "", []
    for event in result.events:
        match event:
            case ModelReplied(reply=answer):
                reply = answer.content + "".join(f"\n[call {call.name} {call.kwargs}]" for call in answer.calls)
            case ToolCallFinished(value=value, error=error):
                seen.append(f"[result] {error or value!r}")
            case AnswerRejected(reason=reason):
                seen.append(f"[rejected] {reason}")
            case StepFinished():
                shown = [part for part in (event.output, event.value, event.error) if part]
                yield {"reply": reply, "seen": "\n".join((*seen, *shown, *_final(event)))[:1000]}
                seen = []


def _final(event: StepFinished) -> list[Any]:
    return [f"[final_answer] {event.answer!r}"] if event.final else []


if __name__ == "__main__":
    main(solver)
