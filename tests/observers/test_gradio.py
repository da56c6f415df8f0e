"""The chat page, served for real and used by visitors in a real browser."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from codeling.events import PlanMade
from codeling.observers.chat import Chat, fenced, formatted, plain

from .conftest import PATIENCE, answers, free_port
from .helpers import agent, seen

ROOT = Path(__file__).parents[2]

pytestmark = pytest.mark.timeout(600)


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a page that is being served."""
    pytest.importorskip("gradio", reason="the page is in the extra gradio")
    folder, port = tmp_path_factory.mktemp("gradio"), free_port()
    env = {**os.environ, "PYTHONPATH": str(ROOT), "HF_HUB_OFFLINE": "1", "TMPDIR": str(folder)}
    with (folder / "log").open("wb") as log:
        server = subprocess.Popen(
            [sys.executable, "-m", "tests.observers.gradio_page", str(port)], env=env, cwd=ROOT, stdout=log, stderr=log
        )
        try:
            assert answers(f"http://127.0.0.1:{port}/", 400), (folder / "log").read_text(errors="replace")[-2000:]
            yield f"http://127.0.0.1:{port}/"
        finally:
            server.terminate()
            server.wait(20)


def say(page: Any, text: str) -> None:
    """Send a message."""
    page.locator("textarea").first.fill(text)
    page.locator("textarea").first.press("Enter")


def wait_for(page: Any, text: str) -> Any:
    """Wait until the chat shows a text; give the chat."""
    page.locator("#chat").get_by_text(text).locator("visible=true").first.wait_for(timeout=PATIENCE)
    return page.locator("#chat")


def traces(page: Any, count: int) -> None:
    """Wait until so many answers are complete, each with its trace."""
    page.locator("#chat").get_by_text("trace-").nth(count - 1).wait_for(timeout=PATIENCE)


def test_two_visitors_have_each_their_own_conversation(page: str, visit: Callable[..., Any]) -> None:
    """What one says, and the variables of one's programs, the other's conversation does not have; each goes on with its own."""
    one, two = visit(page), visit(page)
    say(one, "keep mine")
    traces(one, 1)
    say(two, "plain theirs")
    traces(two, 1)
    say(one, "ask again")
    chat = wait_for(one, "kept=42")
    traces(one, 2)

    assert "tasks: keep mine | ask again" in chat.inner_text()
    assert "tasks: plain theirs" in two.locator("#chat").inner_text()
    assert "mine" not in two.locator("#chat").inner_text()
    assert "theirs" not in chat.inner_text()


def test_steps_can_be_opened(page: str, visit: Callable[..., Any]) -> None:
    """A step holds the thought, the program, its calls and its output, closed until it is opened."""
    one = visit(page)
    say(one, "draw it")
    traces(one, 1)
    one.locator("#chat pre").first.wait_for(state="hidden", timeout=PATIENCE)  # it closes a moment after its end
    one.locator("#chat").get_by_text("Step 1").click()
    chat = wait_for(one, "I see.")

    assert "Image.new" in chat.inner_text()
    one.locator("#chat").get_by_text("Output", exact=True).first.click()
    assert "drawn" in wait_for(one, "drawn").inner_text()
    assert chat.locator("img").first.evaluate("image => image.complete && image.naturalWidth") == 40


def test_stop_ends_ones_own_run(page: str, visit: Callable[..., Any]) -> None:
    """Stop interrupts the visitor's program while it runs; another visitor's run goes on."""
    one, two = visit(page), visit(page)
    say(two, "launch theirs")
    two.get_by_role("button", name="Approve").wait_for(timeout=PATIENCE)
    say(one, "slow mine")
    wait_for(one, "tick 0")
    one.get_by_role("button", name="Stop").click()
    wait_for(one, "Stopped.")
    traces(one, 1)
    assert two.get_by_role("button", name="Approve").is_visible()
    two.get_by_role("button", name="Approve").click()
    traces(two, 1)

    assert "tasks: launch theirs" in two.locator("#chat").inner_text()
    say(one, "plain again")
    traces(one, 2)
    assert "plain again" in one.locator("#chat").inner_text()


@pytest.mark.parametrize("button", ["Approve", "Refuse"])
def test_approvals_are_asked_on_the_page(page: str, visit: Callable[..., Any], button: str) -> None:
    """The call that waits is shown with two buttons; pressing one lets the run go on, and only approval makes the call."""
    one = visit(page)
    say(one, "launch it")
    one.get_by_role("button", name=button).wait_for(timeout=PATIENCE)
    assert "launch('the Moon')" in one.locator("#asking").first.inner_text()
    one.get_by_role("button", name=button).click()
    traces(one, 1)
    assert not one.locator("#asking").first.is_visible()
    one.locator("#chat").get_by_text("Step 1").click()
    if button == "Approve":
        one.locator("#chat").get_by_text("Output", exact=True).first.click()
        wait_for(one, "launched to the Moon")
    else:  # the error that the program got, which the model is shown
        one.locator("#chat").get_by_text("Error", exact=True).first.click()
        wait_for(one, "the person on the page said no")


def test_a_person_changes_the_call_or_says_why_not(page: str, visit: Callable[..., Any]) -> None:
    """What comes next is shown; arguments that cannot be meant are told; the call is made with others, or refused with a reason."""
    one = visit(page)
    say(one, "both please")
    one.get_by_role("button", name="Approve").wait_for(timeout=PATIENCE)
    assert "launch('Mars')" in one.locator("#asking").first.inner_text()
    words = one.locator("#words input, #words textarea").first
    words.fill('{"to": "Venus"}')
    one.get_by_role("button", name="Approve").click()
    one.locator("#asking").get_by_text("there is no argument 'to'; there are: where").first.wait_for(timeout=PATIENCE)
    words.fill('{"where": "Venus"}')
    one.get_by_role("button", name="Approve").click()
    one.locator("#asking").get_by_text("launch('the Moon')").first.wait_for(state="hidden", timeout=PATIENCE)
    one.locator("#asking").get_by_text("launch('Mars')").first.wait_for(timeout=PATIENCE)
    one.wait_for_function("document.querySelector('#words input, #words textarea')?.value === ''")
    words.fill("not that far")
    one.get_by_role("button", name="Refuse").click()
    traces(one, 1)
    one.locator("#chat").get_by_text("Step 1").click()
    one.locator("#chat").get_by_text("Error", exact=True).first.click()

    wait_for(one, "not that far")
    one.locator("#chat").get_by_text("→ launch('the Moon')").first.click()
    wait_for(one, "launched to Venus")


def test_stop_ends_a_run_that_asks(page: str, visit: Callable[..., Any]) -> None:
    """Whoever does not want to answer stops the run; the call is not made and the question goes away."""
    one = visit(page)
    say(one, "launch it")
    one.get_by_role("button", name="Approve").wait_for(timeout=PATIENCE)
    one.get_by_role("button", name="Stop").click()
    wait_for(one, "Stopped.")
    traces(one, 1)

    assert not one.locator("#asking").first.is_visible()
    assert "launched" not in one.locator("#chat").inner_text()


def test_always_is_asked_once(page: str, visit: Callable[..., Any]) -> None:
    """The question says which calls may follow; after "Always in this run" the tool's next call is not asked about."""
    one = visit(page)
    say(one, "both please")
    one.get_by_role("button", name="Always in this run").wait_for(timeout=PATIENCE)
    asked = one.locator("#asking").first.inner_text()
    assert asked.index("launch('the Moon')") < asked.index("After it the program may make these") < asked.index("Mars")
    one.get_by_role("button", name="Always in this run").click()
    traces(one, 1)
    one.locator("#chat").get_by_text("Step 1").click()
    one.locator("#chat").get_by_text("Output", exact=True).first.click()

    wait_for(one, "launched to the Moon launched to Mars")


def test_calls_of_a_managed_agent_are_asked_about_too(page: str, visit: Callable[..., Any]) -> None:
    """A call that an agent below makes waits for the same two buttons, and goes on below when it is approved."""
    one = visit(page)
    say(one, "pass it on")
    one.get_by_role("button", name="Approve").wait_for(timeout=PATIENCE)
    assert "launch('the Moon')" in one.locator("#asking").first.inner_text()
    one.get_by_role("button", name="Approve").click()
    traces(one, 1)
    one.locator("#chat").get_by_text("Step 1", exact=True).click()
    one.locator("#chat").get_by_text("Output", exact=True).last.click()

    wait_for(one, "tasks: launch for me")


def test_nothing_hostile_acts_in_the_page(page: str, visit: Callable[..., Any]) -> None:
    """Markup, scripts and addresses in thoughts, output, calls, errors and answers are text, opened or not."""
    one = visit(page)
    one.locator("textarea").first.wait_for()
    before = one.title()
    say(one, "evil <img src=x onerror=\"document.title='pwned'\"> ![p](http://203.0.113.7/q.png)")
    traces(one, 1)
    for title in ("Step 1", "Step 2", "Output", "Error"):
        for found in one.locator("#chat").get_by_text(title, exact=True).all():
            found.click()
    one.wait_for_timeout(500)
    chat = one.locator("#chat")

    assert one.title() == before
    assert "document.title='pwned'" in chat.inner_text()
    assert chat.locator("img:not([alt=''])").count() == chat.locator("img[src^='http://127.0.0.1']").count()
    assert chat.locator("a[href*='203.0.113.7']").count() == 0
    assert "\\x1b[31m" in chat.inner_text()


def test_a_file_is_given_to_the_program(page: str, visit: Callable[..., Any], tmp_path: Path) -> None:
    """A file that a visitor attaches is a variable of the programs."""
    (tmp_path / "notes.txt").write_text("remember the milk", encoding="utf-8")
    one = visit(page)
    one.locator("textarea").first.wait_for()
    with one.expect_response(lambda answer: "/upload" in answer.url):
        one.locator("input[type=file]").first.set_input_files(tmp_path / "notes.txt")
    one.wait_for_timeout(2000)
    say(one, "file please")
    traces(one, 1)
    one.locator("#chat").get_by_text("Step 1").click()
    one.locator("#chat").get_by_text("Output", exact=True).first.click()

    assert "str remember the milk" in wait_for(one, "remember the milk").inner_text()


def test_an_answer_has_its_trace(page: str, visit: Callable[..., Any]) -> None:
    """The link beside an answer gives the page of just this run, to keep."""
    one = visit(page)
    say(one, "plain question")
    traces(one, 1)
    with one.expect_download() as got:
        one.locator("#chat").get_by_text("trace-").first.click()
    text = Path(got.value.path()).read_text(encoding="utf-8")

    assert "plain question" in text
    assert "default-src 'none'" in text


def test_a_new_conversation_forgets(page: str, visit: Callable[..., Any]) -> None:
    """After "New conversation" the chat is empty and the model is told nothing of before."""
    one = visit(page)
    say(one, "plain first")
    traces(one, 1)
    one.get_by_role("button", name="New conversation").click()
    one.locator("#chat").get_by_text("trace-").wait_for(state="detached", timeout=PATIENCE)
    say(one, "plain second")
    traces(one, 1)

    assert "tasks: plain second" in one.locator("#chat").inner_text()
    assert "first" not in one.locator("#chat").inner_text()


def test_runs_and_plans_are_where_they_belong() -> None:
    """Of two agents that work at once each is below its own call, and a plan has the number of its step."""
    helpers = [agent("final_answer(7)", name=name, description="Helps.") for name in ("ann", "bob")]
    code = "import asyncio\nprint(await asyncio.gather(ann('One.'), bob('Two.')))"
    chat = Chat()
    for event in seen(agent("1 + 1", code, "final_answer(1)", managed_agents=helpers)):
        chat.add(event)
    chat.add(PlanMade(run_id=next(iter(chat._runs)), step=3, plan="Then the rest."))
    titles = {message["metadata"].get("id"): message["metadata"].get("title") for message in chat.messages}
    below = {titles[id]: titles.get(message["metadata"].get("parent_id")) for id, message in
             ((message["metadata"].get("id"), message) for message in chat.messages)}  # fmt: skip

    assert "ann" in str(below[plain("ann: step 1")])
    assert "bob" in str(below[plain("bob: step 1")])
    assert plain("Plan before step 3") in below


def test_hostile_text_as_markdown() -> None:
    """Fences are longer than any run of marks in the text, and plain text has every mark escaped."""
    assert fenced("a ```` b") == "`````\na ```` b\n`````"
    assert plain("<b>*x*</b> [a](b)") == r"\<b\>\*x\*\<\/b\> \[a\]\(b\)"
    assert formatted("**good** news\n- one\n```py\n<i>\n```\n![x](y)") == (
        "**good** news\n- one\n```\n<i>\n```\n" + r"\!\[x\]\(y\)"
    )
    assert formatted("```\nopen") == "```\nopen\n```"
