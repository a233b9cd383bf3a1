"""The few lines of shell that start an instance or a job in its sandbox: text of ours, the same for every one of them.

Shell, because it costs a millisecond and a few hundred kilobytes where an interpreter costs thirty times as much, for every
instance. Nothing of a user's ever enters these texts: the instance is named by its id, its command is a file.
"""

from collections.abc import Sequence

from twinstage.runtime.local.layout import DESIRED, PINS, STATE

LAUNCH = f"{DESIRED}/launch"
"""``launch ID wire|alone [DIRECTORY]``: make the directory (a package cache), enter the instance's network, start its sandbox,
hand SIGTERM on to it."""

INIT = f"{DESIRED}/init"
"""First process inside: starts the command, hands SIGTERM on to it, collects orphans, ends with its status."""

INSIDE = "/twinstage"
"""Where an instance sees its own small files: `init`, `run`."""


def launch(bwrap: str) -> str:
    """The launcher. It waits for the wire, since a sentinel that was restarted may still be making it."""
    return f"""#!/bin/sh
id=$1
here={DESIRED}/instances/$id
[ -n "$3" ] && mkdir -p "$3"
info=/tmp/info.$id
enter=
if [ "$2" = wire ]; then
  tries=0
  while [ ! -e {PINS}/$id.ready ]; do
    tries=$((tries + 1))
    [ $tries -gt 600 ] && echo "twinstage: no network for $id after 30 s; see the sentinel's log" >&2 && exit 70
    sleep 0.05
  done
  enter="nsenter --net={PINS}/$id"
fi
exec 8<"$here/arguments" 9<{DESIRED}/filter.bpf 7>"$info"
child() {{ sed -n 's/.*"child-pid": \\([0-9]*\\).*/\\1/p' "$info"; }}
trap 'kill -TERM "$(child)" 2>/dev/null' TERM
$enter {bwrap} --args 8 --seccomp 9 --info-fd 7 --as-pid-1 -- /bin/sh {INSIDE}/init </dev/null &
bwrap=$!
exec 7>&- 8<&- 9<&-
while :; do
  wait $bwrap
  status=$?
  kill -0 $bwrap 2>/dev/null || break
done
echo $status >{STATE}/logs/$id.status # the supervisor does not tell it of one that ended at once
exit $status
"""


def init() -> str:
    """`sh -c` replaces itself by a simple command, so the signal reaches the program and not a shell in between."""
    return f"""#!/bin/sh
trap 'kill -TERM "$child" 2>/dev/null' TERM
/bin/sh -c "$(cat {INSIDE}/run)" &
child=$!
while :; do
  wait "$child"
  status=$?
  kill -0 "$child" 2>/dev/null || exit $status
done
"""


def proxy(bwrap: str, command: Sequence[str], descriptors: int) -> str:
    """Start the ecosystem's Envoy: the bound on descriptors first, since it aborts when it runs out of them."""
    words = " ".join(command)
    return f"""#!/bin/sh
ulimit -n {descriptors} 2>/dev/null || ulimit -n "$(ulimit -H -n)"
rm -f /sockets/edge/*.sock /sockets/envoy.sock
umask 007
exec 8<{DESIRED}/instances/proxy/arguments 9<{DESIRED}/filter.bpf
exec {bwrap} --args 8 --seccomp 9 -- {words}
"""
