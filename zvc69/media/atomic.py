"""Output files that exist whole or not at all."""
from __future__ import annotations

import io
import os
from pathlib import Path
from types import TracebackType

from ..errors import naming


class AtomicFile(io.RawIOBase):
    """A file written under a temporary name beside `path`, renamed to it by `commit`.

    As a context manager it commits when the block ends well and discards when it raises. A target that
    exists and is not a regular file (a device, a named pipe) is written to directly. Raises OSError, which names the file.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        # A link stays a link: what it points to is replaced.
        self.path = Path(os.path.realpath(path))
        self._direct = self.path.exists() and not self.path.is_file()
        if self.path.is_dir():
            raise IsADirectoryError(21, "Is a directory", str(path))
        self._temporary = self.path if self._direct else self.path.with_name(f"{self.path.name}.{os.getpid()}.part")
        try:
            self._file = open(self._temporary, "wb")
        except OSError as error:
            raise type(error)(error.errno, error.strerror, str(path)) from None
        self._named = str(path)

    def write(self, data) -> int:  # type: ignore[override]
        with naming(self._named):
            return self._file.write(data)

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        return self._file.seek(offset, whence)

    def tell(self) -> int:
        return self._file.tell()

    def flush(self) -> None:
        if not self._file.closed:
            with naming(self._named):
                self._file.flush()

    def writable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return self._file.seekable()

    def commit(self) -> None:
        """Close, and give the file its name. Does nothing on a closed file."""
        if self._file.closed:
            return
        try:
            with naming(self._named):
                self._file.close()
        except OSError:     # a full disk: what is buffered is written only now
            if not self._direct:
                self._temporary.unlink(missing_ok=True)
            raise
        if not self._direct:
            os.replace(self._temporary, self.path)
        super().close()

    def discard(self) -> None:
        """Close, and remove what was written. Does nothing on a closed file."""
        if self._file.closed:
            return
        try:
            with naming(self._named):
                self._file.close()
        finally:
            if not self._direct:
                self._temporary.unlink(missing_ok=True)
            super().close()

    def close(self) -> None:
        """The same as `discard`: only `commit` makes the file appear."""
        # RawIOBase calls this from its finaliser too, also of an object that __init__ did not finish.
        if hasattr(self, "_file"):
            self.discard()

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None,
                 trace: TracebackType | None) -> None:
        if kind is None:
            self.commit()
        else:
            self.discard()
