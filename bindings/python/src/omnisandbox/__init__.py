"""One permission policy over layered isolation, for the tools that AI agents call.

    from omnisandbox import Config, Sandbox

    with Sandbox(Config(capabilities=["fs_read"], allowed_paths=["/tmp/data"])) as box:
        print(box.run_python("print(open('/tmp/data/x').read())").stdout)
"""

from . import errors
from ._native import Cancellation, CommandSignals, Result
from ._native import version as __version__
from .aio import AsyncDockerSandbox, AsyncDockerSession, AsyncSandbox
from .audit import AuditFile, AuditLog, AuditRecord
from .config import CommandRule, Config, HostRule, PathRule
from .decorator import sandboxed
from .docker import CopiedFiles, DockerConfig, DockerMount, DockerSandbox, DockerSession, PullProgress
from .errors import Denial, DeniedError, Error
from .host import DirectoryEntry, FileInfo, HostFunctions, HttpResponse
from .policy import Explanation, Policy, PolicyWarning, explain, lint
from .refusals import Refusal, RefusalReport
from .sandbox import Interpreter, ModuleExports, ProcessSandbox, Runtime, Sandbox, Session, probe_process_sandbox

__all__ = [
    "AsyncDockerSandbox",
    "AsyncDockerSession",
    "AsyncSandbox",
    "AuditFile",
    "AuditLog",
    "AuditRecord",
    "Cancellation",
    "CommandRule",
    "CommandSignals",
    "Config",
    "CopiedFiles",
    "Denial",
    "DeniedError",
    "DirectoryEntry",
    "DockerConfig",
    "DockerMount",
    "DockerSandbox",
    "DockerSession",
    "Error",
    "Explanation",
    "FileInfo",
    "HostFunctions",
    "HostRule",
    "HttpResponse",
    "Interpreter",
    "ModuleExports",
    "PathRule",
    "Policy",
    "PolicyWarning",
    "ProcessSandbox",
    "PullProgress",
    "Refusal",
    "RefusalReport",
    "Result",
    "Runtime",
    "Sandbox",
    "Session",
    "__version__",
    "errors",
    "explain",
    "lint",
    "probe_process_sandbox",
    "sandboxed",
]
