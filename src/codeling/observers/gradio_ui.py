"""A chat page for an agent, by Gradio. Each visitor has a conversation of their own; nothing is shared by default.

The page never trusts the browser with the conversation: it lives on this side, one `_Visitor` for each
page that is open, with a copy of the agent that has its own last run and its own running tasks.
"""

from __future__ import annotations

import asyncio
import copy
import json
import mimetypes
import shutil
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, cast

from ..errors import EndsRun, MissingDependency
from ..events import ApprovalRequested, Event, ModelDelta, RunFinished
from ..lookup import load
from ..messages import Image, ToolCall
from ..protocols import Approval, Approver
from .chat import Chat, plain
from .text import call_text, in_words, visible
from .trace_file import trace_html

__all__ = ("GradioUI",)

_EVERY = 0.1
"""Seconds between two looks of the page at what is being written."""
_MOST_FILE = 8 << 20
_YES = Approval(approved=True)
_ALWAYS = Approval(approved=True, always=True)
_NO = Approval(approved=False, reason="the person on the page said no")
_CSS = """
#chat button[aria-label="Share"] { display: none }  /* Gradio's own, which publishes a message on the Hub */
#chat { height: max(320px, 100dvh - 330px) !important }
#chat .title .duration { flex-shrink: 1000; min-width: 0; white-space: nowrap }
#chat .title .duration { overflow: hidden; text-overflow: ellipsis }
#chat:has(~ #asking:not(.hide)) { height: max(260px, 100dvh - 500px) !important }
#chat .bot-row { width: calc(100% - 40px); max-width: 100% !important }
#chat .bot-row > .role, #chat .bot-row .message { width: 100% }
#asking { border: 1px solid var(--border-color-accent); padding: 14px 16px; gap: 10px; flex-grow: 0 !important }
@media (max-width: 640px) {
  #chat .bot-row { width: calc(100% - 12px); margin: 10px 6px !important }
  #chat .thought-group { padding: 4px }
  #chat .bot-row pre { padding: 10px }
  #asking { padding: 10px 12px }
  #asking .row { gap: 8px; flex-wrap: nowrap }
  #asking button { flex: 1 1 auto; min-width: 0 !important; padding: 6px 8px; font-size: 13px; white-space: nowrap }
}
"""


class GradioUI:
    """A chat page for an agent: streamed steps, programs and calls to open, files, pictures, approvals, a stop button.

    `GradioUI(agent).launch()` serves it to this machine only. Raises `MissingDependency` without Gradio.
    """

    def __init__(
        self, agent: Any, *, title: str | None = None, description: str | None = None, most_runs: int = 16
    ) -> None:
        self.agent = agent
        self.title = title or agent.name or "codeling"
        self.description = description or agent.description or ""
        self.most_runs = most_runs
        """How many runs of all visitors go on at once; others wait."""

    def launch(self, *, share: bool = False, **options: Any) -> Any:
        """Serve the page; takes what Gradio's `launch` takes. Only `share=True` makes it public."""
        options = {"footer_links": [], "ssr_mode": False, "css": _CSS, **options}
        return self.build().queue(default_concurrency_limit=None).launch(share=share, **options)

    def build(self) -> Any:
        """Give the page as Gradio's `Blocks`, to be launched or mounted into another app."""
        gr = _gradio()
        with gr.Blocks(title=self.title, analytics_enabled=False, fill_height=True) as page:
            visitor = gr.State(None, delete_callback=_leave)
            gr.Markdown(f"## {plain(self.title)}\n{plain(self.description)}")
            chat = gr.Chatbot(
                show_label=False, scale=1, allow_tags=False, latex_delimiters=[], sanitize_html=True,
                buttons=["copy"], feedback_options=None, group_consecutive_messages=True, elem_id="chat",
            )  # fmt: skip
            with gr.Column(visible=False, variant="panel", elem_id="asking") as asking:
                question = gr.Markdown()
                words = gr.Textbox(
                    show_label=False, container=False, max_lines=1, elem_id="words",
                    placeholder="Why it is refused; or other arguments, as JSON, before you approve",
                )  # fmt: skip
                with gr.Row():
                    yes = gr.Button("Approve", variant="primary", size="md", min_width=90)
                    always = gr.Button("Always in this run", size="md", min_width=90)
                    no = gr.Button("Refuse", variant="stop", size="md", min_width=90)
            box = gr.MultimodalTextbox(
                show_label=False, file_count="multiple", placeholder="What is to be done?", autofocus=True, max_lines=8
            )
            with gr.Row():
                stop = gr.Button("Stop", variant="stop", interactive=False, size="sm", min_width=90)
                clear = gr.Button("New conversation", size="sm", min_width=90)
            shown = [chat, asking, question, box, stop, visitor]
            quiet: dict[str, Any] = {"api_visibility": "private", "show_progress": "hidden"}
            page.load(self._arrive, None, [visitor], **quiet)
            box.submit(self._answer, [box, visitor], shown, concurrency_limit=self.most_runs, **quiet)
            stop.click(_stop, [visitor], None, queue=False, **quiet)
            for button, answer in ((yes, _YES), (always, _ALWAYS), (no, _NO)):
                button.click(_decide(answer), [visitor, words], [words, question], queue=False, **quiet)
            for again in (clear.click, chat.clear):
                again(self._renew, [visitor], shown, queue=False, **quiet)
            gr.api(self._run, api_name="run", concurrency_limit=self.most_runs)
        return page

    async def _run(self, task: str) -> str:
        """Work on a task and give the answer as text."""
        agent = _copied(self.agent, _nobody)
        try:
            return _written(await agent.arun(task, return_full_result=False))
        except EndsRun as error:
            raise _gradio().Error(str(error), print_exception=False) from None
        finally:
            agent.close()

    def _arrive(self) -> _Visitor:
        return _Visitor.of(self.agent)

    def _renew(self, visitor: _Visitor | None) -> tuple[Any, ...]:
        _leave(visitor)
        return _look(_Visitor.of(self.agent), working=False)

    async def _answer(self, said: dict[str, Any], visitor: _Visitor | None) -> AsyncIterator[tuple[Any, ...]]:
        """Work on what a visitor said, and give the page again and again while it changes."""
        visitor = visitor or self._arrive()
        if not (said.get("text") or said.get("files")):
            return
        try:
            options = visitor.hear(str(said.get("text") or ""), [Path(path) for path in said.get("files") or ()])
        except (ValueError, OSError) as error:
            visitor.chat.say("assistant", plain(str(error)))
            yield _look(visitor, working=False)
            return
        yield _look(visitor, working=True)
        async for _ in visitor.work(options):
            yield _look(visitor, working=True)
        yield _look(visitor, working=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Asked:
    """A call that waits for the person."""

    request: ApprovalRequested
    stub: str
    """Its tool's signature, as the model saw it."""
    answer: asyncio.Future[Approval]


@dataclass(eq=False, slots=True)
class _Visitor:
    """One conversation: the agent's copy, what is in the chat, and what waits for this person's decision."""

    agent: Any
    chat: Chat = field(default_factory=Chat)
    asked: dict[str, _Asked] = field(default_factory=dict)
    begun: bool = False

    @classmethod
    def of(cls, agent: Any) -> _Visitor:
        """Make a visitor with a copy of the agent: the same tools, model and rules, but runs of its own."""
        visitor = cls(None)
        visitor.agent = _copied(agent, cast("Approver", visitor.ask))
        return visitor

    async def ask(self, call: ToolCall, reason: str, request: ApprovalRequested, /) -> Approval:
        """Ask on the page."""
        future: asyncio.Future[Approval] = asyncio.get_running_loop().create_future()
        stub = load("codeling.approvals.editing:stub_of")(call)
        self.asked[call.id] = _Asked(request=request, stub=stub, answer=future)
        try:
            return await future
        finally:
            self.asked.pop(call.id, None)

    def hear(self, text: str, files: list[Path]) -> dict[str, Any]:
        """Put what was said into the chat; give it as options of a run. Raises ValueError for a file too large."""
        large = [path.name for path in files if path.stat().st_size > _MOST_FILE]
        if large:
            raise ValueError(f"{large[0]!r} is larger than {_MOST_FILE >> 20} MB; give a part of it")
        pictures = [path for path in files if (mimetypes.guess_type(path.name)[0] or "").startswith("image/")]
        sees = getattr(self.agent._model, "reads_images", True)
        given = {path.name: _content(path) for path in files if not (sees and path in pictures)}
        for path in files:
            self.chat.say("user", {"path": str(path)})
        if text:
            self.chat.say("user", plain(text))
        task = text.strip() or "Look at what I have given you and say what it is."
        for name, content in given.items():
            shown = repr(visible(name))
            task += f"\n\nI have given you the file {shown}: it is files[{shown}], a {type(content).__name__}."
        images = [
            Image(path.read_bytes(), mimetypes.guess_type(path.name)[0] or "image/png") for path in pictures if sees
        ]
        return {"task": task, "images": images, "additional_args": {"files": given} if given else None}

    async def work(self, options: dict[str, Any]) -> AsyncIterator[None]:
        """See a run through; gives whenever the page should look again."""
        told: list[Event] = []
        since = 0.0
        stream = self.agent.astream(options.pop("task"), reset=not self.begun, **options)
        try:
            async for event in stream:
                told.append(event)
                self.chat.add(event)
                self.begun = self.begun or isinstance(event, RunFinished)
                if isinstance(event, ApprovalRequested):
                    await asyncio.sleep(0.05)  # the run asks right after it has said so
                if event.durable or time.monotonic() - since > _EVERY:
                    since = time.monotonic()
                    yield
        except EndsRun as error:
            if not told:
                self.chat.say("assistant", plain(f"The run did not begin: {error}"))
        except Exception as error:  # noqa: BLE001  # foreign code: a callback or a check; the page goes on
            self.chat.say("assistant", plain(f"The run failed: {type(error).__name__}: {error}"))
        finally:
            await stream.aclose()
        if told:
            self._link(told)

    def _link(self, told: list[Event]) -> None:
        """Put the run's trace beside its answer."""
        path = self.chat.folder / f"trace-{told[0].run_id[:8]}.html"
        path.write_text(trace_html(event for event in told if not isinstance(event, ModelDelta)), encoding="utf-8")
        self.chat.say("assistant", {"path": str(path), "alt_text": "the trace of this answer"})

    def question(self) -> str:
        """Give the oldest question that waits, or nothing."""
        for asked in self.asked.values():
            call, ahead = asked.request.call, "".join(f"\n- {_code(visible(line))}" for line in asked.request.ahead)
            after = f"\n\nAfter it the program may make these:\n{ahead}" if ahead else ""
            return f"**May this call be made?** {plain(asked.request.reason)}\n\n{_code(call_text(call))}{after}"
        return ""

    def decide(self, answer: Approval, words: str) -> str:
        """Answer the oldest question, with the person's words; give what is wrong with them, or nothing."""
        for asked in self.asked.values():
            if words.strip():
                try:
                    answer = _worded(answer, words.strip(), asked.stub)
                except ValueError as error:
                    return str(error)
            future = asked.answer
            future.get_loop().call_soon_threadsafe(_settle, future, answer)
            break
        return ""


def _copied(agent: Any, approver: Approver) -> Any:
    """Copy an agent, and those that it manages, so that each of their calls is asked about here."""
    helpers = (load("codeling.teams.managed:ManagedAgent"), load("codeling.teams.handoffs:Transfer"))
    own = copy.copy(agent)
    own._active, own._last, own.approver = {}, None, approver
    own._tools = {
        name: type(tool)(_copied(tool.agent, approver), own) if isinstance(tool, helpers) else tool
        for name, tool in agent._tools.items()
    }
    return own


async def _nobody(call: ToolCall, reason: str, /) -> Approval:
    """Refuse: behind a call of the app's API nobody sits who could be asked."""
    return Approval(approved=False, reason="nobody can be asked here")


def _written(answer: Any) -> str:
    if isinstance(answer, str):
        return answer
    try:
        return json.dumps(answer, ensure_ascii=False)
    except (TypeError, ValueError):
        return in_words(answer)


def _settle(future: asyncio.Future[Approval], answer: Approval) -> None:
    if not future.done():
        future.set_result(answer)


def _look(visitor: _Visitor, *, working: bool) -> tuple[Any, ...]:
    """Give the page as it is now, in the order of `shown`."""
    gr = _gradio()
    question = visitor.question() if working else ""
    box = gr.update(interactive=not working, **({"value": None} if working else {}))
    messages = [dict(message, metadata=message["metadata"] or None) for message in visitor.chat.messages]
    return messages, gr.update(visible=bool(question)), question, box, gr.update(interactive=working), visitor


def _stop(visitor: _Visitor | None) -> None:
    if visitor:
        visitor.agent.interrupt()


def _decide(answer: Approval) -> Any:
    def click(visitor: _Visitor | None, words: str) -> tuple[str, str]:
        trouble = visitor.decide(answer, words) if visitor else ""
        question = visitor.question() if visitor else ""
        return (words, f"{question}\n\n{plain(trouble)}") if trouble else ("", question)

    return click


def _worded(answer: Approval, words: str, stub: str) -> Approval:
    """Give the answer with the person's words: a reason, or other arguments. Raises ValueError for what is neither."""
    if not answer.approved:
        return replace(answer, reason=words)
    return replace(answer, arguments=load("codeling.approvals.editing:arguments_from")(words, stub))


def _code(text: str) -> str:
    """Give a text as Markdown that shows it as it is."""
    return f"`` {text.replace('`', chr(39))} ``"


def _leave(visitor: _Visitor | None) -> None:
    """End what a visitor left: the run, the interpreter, the pictures."""
    if visitor:
        visitor.agent.interrupt()
        visitor.agent.close()
        shutil.rmtree(visitor.chat.folder, ignore_errors=True)


def _content(path: Path) -> str | bytes:
    """Give what a file holds: a text if it is one."""
    data = path.read_bytes()
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError:
        return data


def _gradio() -> Any:
    try:
        import gradio
    except ImportError as error:
        raise MissingDependency("the chat page needs the library 'gradio': pip install 'codeling[gradio]'") from error
    return gradio
