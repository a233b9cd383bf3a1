"""A new access log begins when the present one is large; the one before it is kept, older ones are not."""

import http.client
import socket
from pathlib import Path

_PATIENCE = 2.0


class _Admin(http.client.HTTPConnection):
    def __init__(self, path: Path) -> None:
        super().__init__("localhost", timeout=_PATIENCE)
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(_PATIENCE)
        self.sock.connect(str(self._path))


class AccessLog:
    """``path``: where the proxy writes. ``most``: bytes."""

    def __init__(self, path: Path, admin: Path, most: int) -> None:
        self._path, self._admin, self._most = path, admin, most

    @property
    def before(self) -> Path:
        return self._path.with_suffix(f".1{self._path.suffix}")

    def look(self) -> None:
        """Raises OSError. Killed between its two steps the proxy goes on in the renamed file, until the next look."""
        try:
            if self._path.stat().st_size < self._most:
                return
            self._path.replace(self.before)
        except FileNotFoundError:
            if not self.before.exists():
                return  # nothing was written yet
        self._reopen()

    def _reopen(self) -> None:
        connection = _Admin(self._admin)
        try:
            connection.request("POST", "/reopen_logs")
            connection.getresponse().read()
        except http.client.HTTPException as error:
            raise OSError(f"the proxy does not open its access log again: {error!r}") from error
        finally:
            connection.close()
