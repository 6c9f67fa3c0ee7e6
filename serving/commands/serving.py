"""nextbest serve."""

from __future__ import annotations

from typing import Annotated

import typer

from serving.commands.shell import one_line, settings, stop


def serve(
    host: Annotated[str | None, typer.Option(help="Default: NEXTBEST_HOST, else 127.0.0.1.")] = None,
    port: Annotated[int | None, typer.Option(min=1, max=65535, help="Default: NEXTBEST_PORT, else 3000.")] = None,
    workers: Annotated[int | None, typer.Option(min=1, max=64, help="Default: NEXTBEST_WORKERS, else 1.")] = None,
) -> None:
    """Serve decisions over HTTP until Ctrl-C."""
    from serving.launch import NotStartable
    from serving.launch import serve as run

    with one_line():
        chosen = settings(host=host, port=port, workers=workers)
        try:
            raise typer.Exit(run(chosen, chosen.workers))
        except NotStartable as error:
            stop(str(error))
