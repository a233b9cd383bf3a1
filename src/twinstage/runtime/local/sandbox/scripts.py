"""The few lines of shell that start an instance or a job in its sandbox: text of ours, the same for every one of them.

Shell, because it costs a millisecond and a few hundred kilobytes where an interpreter costs thirty times as much, for every
instance. Nothing of a user's ever enters these texts: the instance is named by its id, its command is a file.
"""

from collections.abc import Sequence

from twinstage.model.bounds import Bounds
from twinstage.runtime.local.layout import DESIRED, PINS, STATE

LAUNCH = f"{DESIRED}/launch"
"""``launch ID wire|alone [DIRECTORY]``: make the directory (a package cache), enter the instance's network, start its sandbox,
hand SIGTERM on to it."""

SECRETS = "/run/secrets"
"""Where an ecosystem's lockbox keeps each instance's, in the memory of the sandbox."""

INSIDE = "/twinstage"
"""Where an instance sees its own small files: `init`, `run`."""

GROUPS = "/groups"
"""Where a place sees its control groups (``memory``, ``cpu``), in which its instances each get one: ``ID.PID``, with their
launcher's pid. Not there where the machine gives none."""

_COMES = """comes() { # FILE WHAT WHOSE: wait until it is there
  tries=0
  while [ ! -e "$1" ]; do
    tries=$((tries + 1))
    [ $tries -gt 600 ] && echo "twinstage: no $2 for $id after 30 s; see the $3 log" >&2 && exit 70
    sleep 0.05
  done
}
"""

_GROUP = f"""groups=
if [ -e "$here/bounds" ]; then
  read -r memory most <"$here/bounds"
  for kind in memory cpu; do
    [ -d {GROUPS}/$kind ] && groups="$groups {GROUPS}/$kind/$id.$$"
  done
fi
if [ -n "$groups" ]; then
  mkdir $groups || exit 71
  bound={GROUPS}/memory/$id.$$/memory
  [ -d "${{bound%/memory}}" ] && {{ echo "$memory" >"$bound.limit_in_bytes" || exit 71; }}
  [ -e "$bound.memsw.limit_in_bytes" ] && echo "$memory" >"$bound.memsw.limit_in_bytes"
fi
"""
"""Makes the instance's control groups, and sets what they bound."""

_TELL = f"""why=
[ -e /tmp/memory.$id ] && why=memory && rm -f /tmp/memory.$id
if [ -n "$groups" ]; then
  while read -r key count; do
    [ "$key" = oom_kill ] && [ "$count" -gt 0 ] && why=memory
  done 2>/dev/null <{GROUPS}/memory/$id.$$/memory.oom_control
  rmdir $groups 2>/dev/null # what does not go yet, the warden takes away
fi
# The supervisor does not tell it of one that ended at once. Whoever reads it meets this one whole, or the one before.
told={STATE}/logs/$id.status
echo $status $why >$told.new && mv $told.new $told
exit $status
"""
"""Says how it ended, and whether for want of memory."""


def launch(bwrap: str) -> str:
    """The launcher. It waits for the wire, since a sentinel that was restarted may still be making it."""
    return f"""#!/bin/sh
id=$1
here={DESIRED}/instances/$id
{_COMES}[ -n "$3" ] && mkdir -p "$3"
{_GROUP}info=/tmp/info.$id
enter=
if [ "$2" = wire ]; then
  comes {PINS}/$id.ready network "sentinel's"
  enter="nsenter --net={PINS}/$id"
fi
more=
if [ -e "$here/secrets" ]; then
  comes {SECRETS}/$id secrets "controller's"
  exec 6<{SECRETS}/$id
  more="--args 6"
fi
exec 8<"$here/arguments" 9<{DESIRED}/filter.bpf 7>"$info"
child() {{ sed -n 's/.*"child-pid": \\([0-9]*\\).*/\\1/p' "$info"; }}
trap 'kill -TERM "$(child)" 2>/dev/null' TERM
begin() {{
  for group in $groups; do echo 0 >"$group/cgroup.procs" || exit 71; done # itself, and all that it starts
  exec $enter {bwrap} --args 8 $more --seccomp 9 --info-fd 7 --as-pid-1 -- /bin/sh {INSIDE}/init
}}
begin </dev/null &
bwrap=$!
exec 6<&- 7>&- 8<&- 9<&-
while :; do
  wait $bwrap
  status=$?
  kill -0 $bwrap 2>/dev/null || break
done
{_TELL}"""


def limits(bounds: Bounds, *, data: bool, adjust: int, fsize: int, nice: int) -> str:
    """What the first process inside takes upon itself and so upon all that it starts, before anything of a user's runs.

    Inside, because the kernel counts processes by user namespace. ``data``: bound each process's own memory; ``adjust``: how
    much sooner the kernel is to take it than others when memory runs out; ``fsize``: bytes of the largest file; ``nice``: of
    its session, which the kernel may refuse for now: then the warden says it again.
    """
    lines = [
        "ulimit -c 0",
        f'ulimit -n {bounds.files} 2>/dev/null || ulimit -n "$(ulimit -H -n)"',
        f"ulimit -u {bounds.processes} 2>/dev/null || ulimit -p {bounds.processes}",  # bash and busybox, dash
        f"ulimit -f {-(-fsize // 512)}",
        f"echo {adjust} >/proc/self/oom_score_adj",
    ]
    if nice:
        lines.append(f"{{ echo {nice} >/proc/self/autogroup; }} 2>/dev/null")
    if data:
        lines.insert(0, f"ulimit -d {bounds.memory >> 10}")
    return "\n".join(lines) + "\n"


def init(limits: str = "", ends_by: str = "TERM") -> str:
    """`sh -c` replaces itself by a simple command, so the signal reaches the program and not a shell in between.

    ``ends_by``: the signal that asks the program to end, where it is another one than the one we are sent.
    """
    return f"""#!/bin/sh
{limits}run=
while IFS= read -r line || [ -n "$line" ]; do run="$run$line
"; done <{INSIDE}/run # not by cat: a process more takes as long as all of this
trap 'kill -{ends_by} "$child" 2>/dev/null' TERM
/bin/sh -c "$run" &
child=$!
while :; do
  wait "$child"
  status=$?
  kill -0 "$child" 2>/dev/null || exit $status
done
"""


def part(bwrap: str, name: str, command: Sequence[str], first: str = "") -> str:
    """Start one of the ecosystem's own programs in its sandbox, after these lines."""
    words = " ".join(command)
    return f"""#!/bin/sh
{first}umask 007
exec 8<{DESIRED}/instances/{name}/arguments 9<{DESIRED}/filter.bpf
exec {bwrap} --args 8 --seccomp 9 -- {words}
"""


def before_proxy(descriptors: int) -> str:
    """What Envoy needs: the bound on descriptors first, since it aborts when it runs out of them."""
    return f"""ulimit -n {descriptors} 2>/dev/null || ulimit -n "$(ulimit -H -n)"
rm -f /sockets/edge/*.sock /sockets/envoy.sock
"""
