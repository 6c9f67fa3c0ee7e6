"""One JSON object a line on standard error. Identifiers of people never enter a line in clear."""

from __future__ import annotations

import hashlib
import logging
import logging.config

import msgspec

from features.instants import render_instant

_RESERVED = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName"}
_encode = msgspec.json.Encoder(enc_hook=str).encode


class JsonLines(logging.Formatter):
    """time, level, logger, event, and whatever `extra` brought."""

    def format(self, record: logging.LogRecord) -> str:
        line: dict[str, object] = {
            "time": render_instant(int(record.created * 1000)),
            "level": record.levelname.lower(),
            "logger": record.name,
            "event": record.getMessage(),
        }
        line.update((name, value) for name, value in vars(record).items() if name not in _RESERVED)
        if record.exc_info:
            line["exception"] = self.formatException(record.exc_info)
        return _encode(line).decode("utf-8")


def configure() -> None:
    """Every logger of the process, BentoML's and uvicorn's too, writes JSON lines. No line says which source line,
    thread or process wrote it, so that nobody looks for them (docs.python.org, "Optimization" of logging)."""
    logging._srcfile = None  # noqa: SLF001 - the way that Python documents
    logging.logThreads = logging.logProcesses = logging.logMultiprocessing = False
    quiet = {"level": "WARNING", "handlers": ["lines"], "propagate": False}
    logging.config.dictConfig(
        {
            "version": 1,
            "disable_existing_loggers": False,
            "formatters": {"lines": {"()": JsonLines}},
            "handlers": {"lines": {"class": "logging.StreamHandler", "formatter": "lines"}},
            "loggers": {
                "nextbest": {"level": "INFO", "handlers": ["lines"], "propagate": False},
                "bentoml": quiet,
                "circus": quiet,
                "uvicorn": quiet,
                "uvicorn.error": {"level": "WARNING", "handlers": ["lines"], "propagate": False},
            },
            "root": {"level": "WARNING", "handlers": ["lines"]},
        }
    )


def veiled(identifier: str) -> str:
    """A stable stand-in for an identifier, to follow one customer through the log without naming them."""
    return hashlib.blake2b(identifier.encode("utf-8", "surrogatepass"), digest_size=6).hexdigest()
