from .agent import Agent as Agent
from .agent import CodeAgent as CodeAgent
from .agent import ToolCallingAgent as ToolCallingAgent
from .browser.tools import Browser as Browser
from .durable.settling import Settlement as Settlement
from .errors import *
from .events import *
from .executors.blaxel import BlaxelExecutor as BlaxelExecutor
from .executors.command import CommandExecutor as CommandExecutor
from .executors.daytona import DaytonaExecutor as DaytonaExecutor
from .executors.docker import DockerExecutor as DockerExecutor
from .executors.e2b import E2BExecutor as E2BExecutor
from .executors.jupyter import JupyterExecutor as JupyterExecutor
from .executors.modal import ModalExecutor as ModalExecutor
from .executors.monty import MontyExecutor as MontyExecutor
from .executors.pyodide import PyodideExecutor as PyodideExecutor
from .executors.sandbox import SandboxExecutor as SandboxExecutor
from .executors.ssh import SSHExecutor as SSHExecutor
from .executors.unsafe import UnsafeLocalExecutor as UnsafeLocalExecutor
from .integrations.collections import ToolCollection as ToolCollection
from .integrations.mcp import MCPClient as MCPClient
from .integrations.skills import Skills as Skills
from .integrations.skills import instructions_from as instructions_from
from .journals.events import AgentDescribed as AgentDescribed
from .journals.events import CallCompensated as CallCompensated
from .journals.events import Diverged as Diverged
from .journals.events import HandedOver as HandedOver
from .journals.events import OutcomeSettled as OutcomeSettled
from .journals.events import RunResumed as RunResumed
from .journals.memory import MemoryJournal as MemoryJournal
from .journals.postgres import PostgresJournal as PostgresJournal
from .journals.sqlite import SQLiteJournal as SQLiteJournal
from .limits import *
from .messages import *
from .models.anthropic import AnthropicModel as AnthropicModel
from .models.azure import AzureOpenAIModel as AzureOpenAIModel
from .models.bedrock import AmazonBedrockModel as AmazonBedrockModel
from .models.google import GoogleModel as GoogleModel
from .models.inference_client import InferenceClientModel as InferenceClientModel
from .models.litellm import LiteLLMModel as LiteLLMModel
from .models.litellm import LiteLLMRouterModel as LiteLLMRouterModel
from .models.local import LocalModel as LocalModel
from .models.ollama import OllamaModel as OllamaModel
from .models.openai import OpenAIModel as OpenAIModel
from .models.prices import Prices as Prices
from .models.recorded import RecordedModel as RecordedModel
from .models.served import MLXModel as MLXModel
from .models.served import VLLMModel as VLLMModel
from .models.transformers import TransformersModel as TransformersModel
from .models.wrappers import FallbackModel as FallbackModel
from .models.wrappers import RateLimitedModel as RateLimitedModel
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
from .toolbox.asking import FinalAnswerTool as FinalAnswerTool
from .toolbox.asking import UserInputTool as UserInputTool
from .toolbox.files import file_tools as file_tools
from .toolbox.python import PythonInterpreterTool as PythonInterpreterTool
from .toolbox.search import ApiWebSearchTool as ApiWebSearchTool
from .toolbox.search import GoogleSearchTool as GoogleSearchTool
from .toolbox.sound import SpeechToTextTool as SpeechToTextTool
from .toolbox.web import DuckDuckGoSearchTool as DuckDuckGoSearchTool
from .toolbox.web import VisitWebpageTool as VisitWebpageTool
from .toolbox.web import WebSearchTool as WebSearchTool
from .toolbox.wikipedia import WikipediaSearchTool as WikipediaSearchTool
from .tools import *

__version__: str
