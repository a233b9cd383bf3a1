"""What can be told to any tier on the command line."""

import signal

import pytest
from hypothesis import HealthCheck, settings

# How long an example takes says how busy the machine is, and nothing of the code.
settings.register_profile("any machine", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("any machine")

if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    # Run in the background of a script, we and all that we start would be deaf to Ctrl-C, which some tests press.
    signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--crash-places",
        type=int,
        default=1,
        metavar="N",
        help="tests/scenarios/test_crash.py: die at every Nth place only, the same ones each time (default: at all)",
    )


@pytest.fixture(scope="session")
def every(request: pytest.FixtureRequest) -> int:
    """Of so many places to die one is tried."""
    found: int = request.config.getoption("--crash-places")
    return found
