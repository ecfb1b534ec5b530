"""The process that computes twins: whoever started it ends it."""

import asyncio
import subprocess
import threading

from service.shadow.link import ShadowLink
from service.shadow.messages import ComputeSettings


async def test_an_end_amid_the_start_leaves_no_process(tmp_path, monkeypatch):
    """The start is in a thread by then, which nobody can stop."""
    begun, go_on, started = threading.Event(), threading.Event(), []
    popen = subprocess.Popen

    def slow(*args, **kwargs):
        begun.set()
        go_on.wait()
        started.append(popen(*args, **kwargs))
        return started[-1]

    monkeypatch.setattr("service.shadow.link.subprocess.Popen", slow)
    link = ShadowLink(ComputeSettings(tmp_path, "torch", "float32", 1))
    starting = asyncio.create_task(link._start())
    await asyncio.to_thread(begun.wait)
    starting.cancel()
    await asyncio.sleep(0)
    go_on.set()
    await asyncio.wait([starting])
    await link.end()

    assert link.pid is None
    assert [process.returncode for process in started] == [-9]
