"""One ecosystem's PostgreSQL: its configuration, who may come in, and how it starts. Pure texts, only words of ours."""

from twinstage.model.names import Ecosystem
from twinstage.runtime.local.layout import STATE
from twinstage.runtime.local.postgres.binaries import Binaries
from twinstage.runtime.local.postgres.names import SUPERUSER
from twinstage.runtime.local.sandbox import scripts

PROGRAM = "database"
DATA = f"{STATE}/database"
DOOR = "/run/database"
"""The directory of the superuser's Unix socket, inside a place; only the server and our own jobs have it mounted."""
PORT = 5432
"""On the ecosystem network's 127.0.0.1, which no wire leads to."""
CONNECTIONS, OF_ONE_ROLE = 300, 60
"""The server's bound, and how much of it one role may take from the others."""
PEOPLE = f"{SUPERUSER}:x:1000:1000:{SUPERUSER}:/tmp:/bin/sh\n"


def configuration(ecosystem: Ecosystem) -> str:
    """postgresql.conf. The log holds neither statements nor rows: they may be anybody's data."""
    settings: dict[str, str | int] = {
        "data_directory": f"'{DATA}/data'",
        "hba_file": f"'{scripts.INSIDE}/pg_hba.conf'",
        "ident_file": f"'{scripts.INSIDE}/pg_ident.conf'",
        "cluster_name": f"'{ecosystem}'",
        "listen_addresses": "'127.0.0.1'",
        "port": PORT,
        "unix_socket_directories": f"'{DOOR}'",
        "unix_socket_permissions": "0700",
        "max_connections": CONNECTIONS,
        "superuser_reserved_connections": 10,
        # Who has not said a password by then only takes a place from others.
        "authentication_timeout": "'15s'",
        "password_encryption": "'scram-sha-256'",
        "shared_buffers": "'64MB'",
        "dynamic_shared_memory_type": "mmap",
        "max_wal_size": "'512MB'",
        "jit": "off",
        # Of each process: a sort or a join without end must not fill the disk that all databases are on.
        "temp_file_limit": "'1GB'",
        # A migration that was stopped must not go on in the server.
        "client_connection_check_interval": "'2s'",
        "log_min_error_statement": "panic",
        "log_error_verbosity": "terse",
        "log_checkpoints": "off",
        "timezone": "'UTC'",
        "log_timezone": "'UTC'",
        "lc_messages": "'C'",
    }
    return "".join(f"{name} = {value}\n" for name, value in settings.items())


def admission() -> str:
    """pg_hba.conf. Over TCP a password, and never the superuser; over the socket whoever has it mounted, as whom he asks."""
    rows = (
        f"local all {SUPERUSER} peer",
        "local all all peer map=ours",
        f"host all {SUPERUSER} all reject",
        "host all all 127.0.0.1/32 scram-sha-256",
    )
    return "\n".join(rows) + "\n"


def peers() -> str:
    """pg_ident.conf: our own jobs work on a service's data as its role, so that nothing in it ever runs as the superuser."""
    return f"ours {SUPERUSER} all\n"


def files(ecosystem: Ecosystem, binaries: Binaries) -> dict[str, str]:
    """The server's own files, in the directory that it sees as /twinstage."""
    return {
        "postgresql.conf": configuration(ecosystem),
        "pg_hba.conf": admission(),
        "pg_ident.conf": peers(),
        "run": start(binaries),
        # SIGTERM becomes SIGINT: PostgreSQL then ends without waiting for its clients to leave.
        "init": scripts.init(ends_by="INT"),
        "passwd": PEOPLE,
    }


def start(binaries: Binaries) -> str:
    """The data directory is made beside its place and renamed into it, so that it is whole or not there at all."""
    return f"""bin={binaries.bin}
set -- $($bin/postgres -V)
major=${{3%%.*}}
if [ -e {DATA}/data ]; then
  made=$(cat {DATA}/data/PG_VERSION)
  if [ "$made" != "$major" ]; then
    echo "twinstage: cannot start PostgreSQL $major: the databases here are of PostgreSQL $made, and nothing was touched;" \\
      "name that version as postgres: in ecosystem.yaml (with its pg_upgrade they can be made newer)" >&2
    exit 78
  fi
else
  rm -rf {DATA}/new
  how="--locale=C --locale-provider=builtin --builtin-locale=C.UTF-8 --sync-method=syncfs"
  [ "$major" = 16 ] && how=--locale=C.UTF-8
  $bin/initdb -D {DATA}/new -U {SUPERUSER} -E UTF8 $how --auth=reject --no-instructions >/dev/null 2>/tmp/said || {{
    cat /tmp/said >&2
    echo "twinstage: cannot make the databases' directory: $(grep -m1 -e FATAL -e error: /tmp/said)" >&2
    exit 1
  }}
  mv {DATA}/new {DATA}/data && sync {DATA} || exit 1
fi
exec $bin/postgres -D {DATA}/data -c config_file={scripts.INSIDE}/postgresql.conf
"""
