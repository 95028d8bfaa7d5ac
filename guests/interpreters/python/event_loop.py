"""asyncio for a guest that has no sockets: a loop that waits for time alone. Everything else in it works as usual."""

import asyncio
import selectors
import time


class _Sleep(selectors.BaseSelector):
    def register(self, fileobj, events, data=None):
        raise OSError("there are no sockets in this interpreter")

    def unregister(self, fileobj):
        raise KeyError(fileobj)

    def select(self, timeout=None):
        # Without a time there is nothing that could ever happen; the run's deadline ends this.
        if timeout is None or timeout > 0:
            time.sleep(timeout if timeout is not None else 1e6)
        return []

    def get_map(self):
        return {}


class _Loop(asyncio.SelectorEventLoop):
    def __init__(self):
        super().__init__(_Sleep())

    # The pipe is for other threads and signals, of which there are none.
    def _make_self_pipe(self):
        pass

    def _close_self_pipe(self):
        pass

    def _write_to_self(self):
        pass


def install() -> None:
    asyncio.new_event_loop = asyncio.events.new_event_loop = _Loop
