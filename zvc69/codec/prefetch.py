"""Running a producer ahead of its consumer, on a thread of its own."""
from __future__ import annotations

import queue
import threading
from collections.abc import Iterable, Iterator
from typing import TypeVar

T = TypeVar("T")
_END = object()
STOP_SECONDS = 2.0
"""How long a producer that is abandoned may take to finish its item: one that waits for a silent pipe never does."""


def prefetch(items: Iterable[T], ahead: int = 3) -> Iterator[T]:
    """The items of an iterable, up to `ahead` of them made before they are asked for.

    An exception of the producer is raised where its item would have come. Leaving the loop early stops the producer
    after the item that it is at.
    """
    ready: queue.Queue = queue.Queue(ahead)
    stop = threading.Event()

    def put(entry) -> bool:
        while not stop.is_set():
            try:
                ready.put(entry, timeout=0.1)
                return True
            except queue.Full:
                continue
        return False

    def produce() -> None:
        try:
            for item in items:
                if not put((item, None)):
                    return
            put((_END, None))
        except BaseException as error:  # handed to the consumer, KeyboardInterrupt in a thread cannot happen
            put((_END, error))

    thread = threading.Thread(target=produce, name="zvc69-prefetch", daemon=True)
    thread.start()
    try:
        while True:
            item, error = ready.get()
            if error is not None:
                raise error
            if item is _END:
                return
            yield item
    finally:
        stop.set()
        thread.join(STOP_SECONDS)
