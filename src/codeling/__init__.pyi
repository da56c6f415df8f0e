from .agent import Agent as Agent
from .agent import CodeAgent as CodeAgent
from .agent import ToolCallingAgent as ToolCallingAgent
from .durable.settling import Settlement as Settlement
from .errors import *
from .events import *
from .executors.command import CommandExecutor as CommandExecutor
from .executors.e2b import E2BExecutor as E2BExecutor
from .executors.sandbox import SandboxExecutor as SandboxExecutor
from .executors.unsafe import UnsafeLocalExecutor as UnsafeLocalExecutor
from .journals.events import CallCompensated as CallCompensated
from .journals.events import Diverged as Diverged
from .journals.events import OutcomeSettled as OutcomeSettled
from .journals.events import RunResumed as RunResumed
from .journals.memory import MemoryJournal as MemoryJournal
from .journals.postgres import PostgresJournal as PostgresJournal
from .journals.sqlite import SQLiteJournal as SQLiteJournal
from .limits import *
from .messages import *
from .models.inference_client import InferenceClientModel as InferenceClientModel
from .models.local import LocalModel as LocalModel
from .models.openai import OpenAIModel as OpenAIModel
from .observers.gradio_ui import GradioUI as GradioUI
from .observers.otel import OpenTelemetryObserver as OpenTelemetryObserver
from .observers.queued import Queued as Queued
from .observers.terminal import TerminalObserver as TerminalObserver
from .observers.trace_file import TraceFile as TraceFile
from .observers.trace_file import trace_html as trace_html
from .observers.tracing import trace as trace
from .observers.tracing import workflow as workflow
from .policy import *
from .protocols import *
from .result import *
from .secrets.masking import Secret as Secret
from .toolbox.web import DuckDuckGoSearchTool as DuckDuckGoSearchTool
from .toolbox.web import VisitWebpageTool as VisitWebpageTool
from .toolbox.web import WebSearchTool as WebSearchTool
from .tools import *

__version__: str
