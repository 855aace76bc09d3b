from typing import Any

from numpy import int16, ndarray, uint8, uint16

class Tables:
    def __init__(
        self,
        first: ndarray[Any, int16],
        shift: ndarray[Any, uint8],
        sizes: ndarray[Any, uint8],
        frequencies: ndarray[Any, uint16],
    ) -> None: ...

class Encoder:
    def put(
        self, values: ndarray[Any, int16], index: ndarray[Any, uint8], tables: Tables, skip_below: int, level: int
    ) -> None: ...
    def suggest_lanes(self) -> int: ...
    def finish(self, lanes: int, level: int) -> bytes: ...

class Decoder:
    def __init__(self, data: memoryview, lanes: int) -> None: ...
    def get(
        self, index: ndarray[Any, uint8], tables: Tables, skip_below: int, level: int, values: ndarray[Any, int16]
    ) -> int: ...
    def status(self) -> int: ...
    def finish(self) -> int: ...
