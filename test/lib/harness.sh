# What the tests and the demo stand on; sourced by bash scripts.
#
#   harness_begin              finds PostgreSQL, installs what is missing, makes the work directory $WORK
#                              that is removed on any exit, with every server that runs in it
#   build_extension DIR ARG... builds the extension with `make ARG...` in build/DIR, a copy of the tree
#   install_extension DIR      makes a private copy of the server's installation, installs into it the
#                              extension that was built in build/DIR, sets $PG_BIN
#   start_cluster NAME LINE... starts a cluster in that installation with these lines of postgresql.conf;
#                              psql and friends find it as -h $WORK -d postgres
#   stop_cluster NAME [MODE]
#   as_tester COMMAND...       runs a command as the user who owns the clusters: PostgreSQL refuses root
#
# Nothing here writes outside the repository's build directory and $WORK. The work directory is readable
# for the other user whatever the mode of the clone is. PG_CONFIG, or PG_MAJOR, chooses the PostgreSQL.

set -euo pipefail

REPO=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
EXTENSION=pg_prebuilds

die() {
  echo "$*" >&2
  exit 1
}

# The word list NAME of sources.mk.
source_list() {
  sed -n "s/^$1 *= *//p" "$REPO/sources.mk"
}

# Without PG_CONFIG: PostgreSQL PG_MAJOR, else the newest supported one that is installed, else the
# distribution's own, which is then installed.
select_postgresql() {
  if [ -n "${PG_CONFIG:-}" ] && [[ "$(command -v "$PG_CONFIG")" != /usr/lib/postgresql/* ]]; then
    command -v "$PG_CONFIG" >/dev/null || die "PG_CONFIG=$PG_CONFIG is not a program"
    PG_CONFIG=$(command -v "$PG_CONFIG")
    "$REPO/test/lib/install_packages" - "$@"
    return
  fi
  if [ -n "${PG_CONFIG:-}" ]; then
    PG_MAJOR=$(basename "$(dirname "$(dirname "$PG_CONFIG")")")
  fi
  if [ -z "${PG_MAJOR:-}" ]; then
    local major
    for major in $(seq "$(source_list PG_MIN)" "$(source_list PG_MAX)"); do
      if [ -e "/usr/lib/postgresql/$major/lib/pgxs" ]; then
        PG_MAJOR=$major
      fi
    done
  fi
  if [ -z "${PG_MAJOR:-}" ]; then
    case $(. /etc/os-release && echo "$ID-${VERSION_ID:-}") in
      debian-12) PG_MAJOR=15 ;;
      debian-13) PG_MAJOR=17 ;;
      *) die "no PostgreSQL with its development files was found: say where with PG_CONFIG=…/bin/pg_config" ;;
    esac
  fi
  "$REPO/test/lib/install_packages" "$PG_MAJOR" "$@"
  PG_CONFIG=/usr/lib/postgresql/$PG_MAJOR/bin/pg_config
}

# harness_begin [PACKAGE...]: further packages to install.
harness_begin() {
  # Neither the caller's connection settings, nor his language, nor his make options may leak in.
  unset PGHOST PGHOSTADDR PGPORT PGUSER PGDATABASE PGPASSWORD PGPASSFILE PGSERVICE PGOPTIONS PGDATA PGTZ
  unset LANGUAGE MAKEFLAGS MFLAGS MAKELEVEL
  export LC_ALL=C.UTF-8

  select_postgresql "$@"
  PG_MAJOR=$("$PG_CONFIG" --version | sed 's/^PostgreSQL \([0-9]*\).*/\1/')
  export PG_CONFIG PG_MAJOR

  WORK=$(mktemp -d /tmp/$EXTENSION.XXXXXX)
  trap harness_end EXIT
  trap 'exit 130' INT
  trap 'exit 143' TERM HUP
  chmod 755 "$WORK"
  mkdir "$WORK/home"
  if [ "$(id -u)" -eq 0 ]; then
    TESTER=postgres
    chown "$TESTER" "$WORK" "$WORK/home"
  else
    TESTER=$(id -un)
  fi
}

harness_end() {
  local pidfile
  trap '' INT TERM HUP
  cd /
  find "$WORK" -name postmaster.pid 2>/dev/null | while read -r pidfile; do
    as_tester "$PG_BIN/pg_ctl" -D "$(dirname "$pidfile")" -m immediate -w stop >/dev/null 2>&1 || true
  done
  rm -rf "$WORK"
}

as_tester() {
  if [ "$(id -u)" -eq 0 ]; then
    (cd "$WORK" && exec runuser -u "$TESTER" -- env HOME="$WORK/home" USER="$TESTER" LOGNAME="$TESTER" "$@")
  else
    (cd "$WORK" && exec env HOME="$WORK/home" "$@")
  fi
}

# Copies the files of the repository to DIR, with their times so that make builds only what changed.
# When a file went away the copy starts afresh: lists made by wildcards must not find it.
mirror() {
  local to=$1
  mkdir -p "$to"
  (cd "$REPO" && find . \( -path ./.git -o -path ./build \) -prune -o -type f \
    ! -name '*.[od]' ! -name '*.bc' ! -name '*.so' ! -name "$EXTENSION--*.sql" -print | sort) >"$WORK/files"
  if [ -f "$to/.files" ] && [ -n "$(comm -23 "$to/.files" "$WORK/files")" ]; then
    rm -rf "$to"
    mkdir -p "$to"
  fi
  tar -C "$REPO" -cf - -T "$WORK/files" | tar -C "$to" --no-same-owner -xf -
  mv "$WORK/files" "$to/.files"
}

build_extension() {
  local dir=$REPO/build/$1
  shift
  mirror "$dir"
  make -C "$dir" -j "$(nproc)" PG_CONFIG="$PG_CONFIG" "$@"
}

# PostgreSQL's programs find their files relative to themselves, so a copy of the tree is an installation
# of its own.
copy_server() {
  local to=$1 option path
  for option in --bindir --sharedir --pkglibdir --includedir-server --pkgincludedir --includedir; do
    path=$("$PG_CONFIG" $option)
    if [ "$path" != /usr/include ] && [ ! -e "$to$path" ]; then
      mkdir -p "$to$(dirname "$path")"
      cp -a "$path" "$to$path"
    fi
  done
  path=$(dirname "$("$PG_CONFIG" --pgxs)")
  path=${path%/src/makefiles}
  if [ ! -e "$to$path" ]; then
    mkdir -p "$to$(dirname "$path")"
    cp -a "$path" "$to$path"
  fi
  PG_BIN=$to$("$PG_CONFIG" --bindir)
  PGXS_DIR=$to$path

  # pgTAP is plain SQL: a server that does not bring it takes that of another one.
  local extensions=$to$("$PG_CONFIG" --sharedir)/extension other
  if [ ! -e "$extensions/pgtap.control" ]; then
    for other in /usr/share/postgresql/*/extension; do
      if [ -e "$other/pgtap.control" ]; then
        cp "$other"/pgtap* "$extensions/"
        break
      fi
    done
  fi
  chmod -R a+rX "$to"
}

install_extension() {
  copy_server "$WORK/server"
  make -s -C "$REPO/build/$1" PG_CONFIG="$PG_BIN/pg_config" install
}

start_cluster() {
  local name=$1 data=$WORK/$1/data
  shift
  as_tester mkdir -p "$WORK/$name"
  as_tester "$PG_BIN/initdb" --no-sync --auth=trust --username=postgres --encoding=UTF8 --no-locale \
    -D "$data" >"$WORK/initdb.log" || { cat "$WORK/initdb.log" >&2; return 1; }
  printf '%s\n' "listen_addresses = ''" "unix_socket_directories = '$WORK'" "fsync = off" \
    "timezone = 'UTC'" "log_timezone = 'UTC'" "log_line_prefix = '%m [%p] %q%a '" \
    "shared_preload_libraries = '$EXTENSION'" "$@" | as_tester tee -a "$data/postgresql.conf" >/dev/null
  as_tester "$PG_BIN/pg_ctl" -D "$data" -l "$WORK/$name/log" -w start >/dev/null ||
    { as_tester tail -20 "$WORK/$name/log" >&2; return 1; }
}

stop_cluster() {
  as_tester "$PG_BIN/pg_ctl" -D "$WORK/$1/data" -m "${2:-fast}" -w stop >/dev/null
}
