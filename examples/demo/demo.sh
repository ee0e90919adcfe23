#!/bin/bash
# `make demo`: the whole life of a pool in about a minute, with real workspaces. Needs nothing installed by
# hand (root installs what is missing), touches no other server of this machine, and leaves nothing behind.
# Any surprise ends it with a message and a status other than 0.
. "$(dirname "${BASH_SOURCE[0]}")/../../test/lib/harness.sh"

PATIENCE=60 # seconds that anything may take before the demo gives up

# ---- telling the story -----------------------------------------------------------------------------------

if [ -t 1 ]; then
  BOLD=$'\e[1m' DIM=$'\e[2m' PLAIN=$'\e[0m'
else
  BOLD='' DIM='' PLAIN=''
fi

chapter() {
  printf '\n%s%s%s\n' "$BOLD" "$1" "$PLAIN"
}

say() {
  printf '  %s\n' "$@"
}

show_statement() {
  printf '  %s%s%s\n' "$DIM" "$1" "$PLAIN"
}

give_up() {
  printf '\nThe demo failed: %s\n' "$1" >&2
  local log
  for log in "$WORK/platform/log" "$WORK/provisioner.log" "$WORK/sessions.log"; do
    if [ -s "$log" ]; then
      printf -- '--- the end of %s\n' "${log#"$WORK"/}" >&2
      tail -15 "$log" >&2
    fi
  done
  exit 1
}

# Microseconds since some fixed instant.
clock() {
  echo "${EPOCHREALTIME/[.,]/}"
}

milliseconds_since() {
  awk -v us=$(($(clock) - $1)) 'BEGIN { printf us < 10000 ? "%.1f" : "%.0f", us / 1000 }'
}

# ---- sessions: each role of the story has one open connection, as an application's pool would ---------------

declare -A ASK ANSWER

open_session() {
  local role=$1 to from
  mkfifo -m 666 "$WORK/$role.ask" "$WORK/$role.answer"
  as_tester "$PG_BIN/psql" -X -q -A -t -v ON_ERROR_STOP=1 -h "$WORK" -U "$role" -d platform \
    <"$WORK/$role.ask" >"$WORK/$role.answer" 2>>"$WORK/sessions.log" &
  exec {to}>"$WORK/$role.ask" {from}<"$WORK/$role.answer"
  ASK[$role]=$to ANSWER[$role]=$from
}

# ask ROLE STATEMENT: prints the rows of the answer.
ask() {
  local line
  printf '%s\n;\n\\echo end of answer\n' "$2" >&"${ASK[$1]}" || give_up "no connection for this: $2"
  while IFS= read -r -t "$PATIENCE" -u "${ANSWER[$1]}" line; do
    [ "$line" != "end of answer" ] || return 0
    printf '%s\n' "$line"
  done
  give_up "no answer to this: $2"
}

# wait_until WHAT COMMAND...: until the command succeeds.
wait_until() {
  local what=$1 deadline=$((SECONDS + PATIENCE))
  shift
  until "$@"; do
    [ "$SECONDS" -lt "$deadline" ] || give_up "waited for $PATIENCE s in vain: $what"
    sleep 0.01
  done
}

is_true() {
  [ "$(ask "$1" "$2")" = t ]
}

# ---- the screen: a line per pool, drawn in place on a terminal, else once a second while it changes ------------

POOLS="
SELECT format('%-8s %-8s %7s %8s %8s %8s   %s', template_version_name, preset_name, desired, starting, eligible,
              deleting,
              CASE WHEN active THEN repeat('●', eligible) || repeat('◐', actual - expired - eligible + starting)
                                    || repeat('○', desired - (actual - expired) - starting) || repeat('×', deleting)
                   ELSE repeat('×', actual + deleting) END)
FROM prebuilds_status() ORDER BY template_version_name, preset_name"
POOLS_FULL="
SELECT count(*) > 0 AND bool_and(active AND eligible = desired AND starting + deleting + stopping = 0)
FROM prebuilds_status()"
POOLS_GONE="SELECT count(*) = 0 FROM prebuilds_status()"

# watch_pools CONDITION: until it holds.
watch_pools() {
  local began rows drawn='' drawn_at=0 lines=0 is_done=f deadline=$((SECONDS + PATIENCE))
  began=$(clock)
  say '' "$(printf '%9s  %-8s %-8s %7s %8s %8s %8s' '' version preset desired starting eligible deleting)" \
    "${DIM}           ● ready  ◐ on its way  ○ missing  × leaving${PLAIN}"
  while [ "$is_done" != t ]; do
    [ "$SECONDS" -lt "$deadline" ] ||
      give_up "the pools are not as expected: $(ask watcher "SELECT string_agg(problem, '; ') FROM prebuilds_status()")"
    is_done=$(ask watcher "$1")
    rows=$(ask watcher "$POOLS")
    if [ "$rows" != "$drawn" ] && { [ -t 1 ] || [ "$is_done" = t ] || [ $(($(clock) - drawn_at)) -gt 1000000 ]; }; then
      if [ -t 1 ] && [ "$lines" -gt 0 ]; then
        printf '\e[%dA\e[J' "$lines"
      fi
      drawn=$rows drawn_at=$(clock) lines=0
      while IFS= read -r row; do
        if [ "$lines" -eq 0 ]; then
          printf '  %5d.%d s  %s\n' $(((drawn_at - began) / 1000000)) $(((drawn_at - began) / 100000 % 10)) \
            "${row:-no pool is left}"
        else
          printf '%13s%s\n' '' "$row"
        fi
        lines=$((lines + 1))
      done <<<"$rows"
    fi
    sleep 0.1
  done
}

# ---- workspaces -------------------------------------------------------------------------------------------

has_build_finished() {
  local status
  status=$(ask app "SELECT job_status || coalesce(': ' || error, '') FROM prebuilds_workspace('$1')")
  case $status in
    succeeded) return 0 ;;
    pending | running) return 1 ;;
    *) give_up "the build of a workspace is $status" ;;
  esac
}

# The URL of a workspace; nothing as long as it is not ready.
url_of() {
  ask app "SELECT resources -> 0 -> 'metadata' ->> 'url' FROM prebuilds_workspace('$1') WHERE ready"
}

is_ready() {
  has_build_finished "$1" && [ -n "$(url_of "$1")" ]
}

open_url() {
  curl --silent --fail --max-time 5 "$1" || give_up "$1 does not answer"
}

# A name tag says whose workspace answers at a URL.
expect_tag() {
  local tag
  tag=$(open_url "$1workspace.json")
  [[ "$tag" == *"\"name\": \"$2\""*"\"owner\": \"$3\""* ]] || give_up "at $1 answers not $3's $2 but: $tag"
}

# Bracketed, so that grep does not find itself.
workspace_processes() {
  grep -lz -e "$WORK/[w]orkspaces/" /proc/[0-9]*/cmdline 2>/dev/null | cut -d/ -f3
}

are_workspaces_gone() {
  [ -z "$(ls -A "$WORK/workspaces")" ] && [ -z "$(workspace_processes)" ]
}

# ---- stage and provisioner ----------------------------------------------------------------------------------

# A repository with a branch for each preset.
make_repository() {
  as_tester bash -c '
    set -e
    git init --quiet --initial-branch=main repository && cd repository
    for branch in main draft archive; do
      git checkout --quiet -B "$branch"
      printf "<title>Handbook</title>\n<h1>The handbook</h1>\n<p>You are reading branch %s.</p>\n" "$branch" >index.html
      git add . && git -c user.name=Tara -c user.email=tara@example.com commit --quiet -m "Write $branch"
    done
    cd .. && git clone --quiet --bare repository repositories/handbook.git'
}

start_provisioner() {
  as_tester env WORKSPACES_DIR="$WORK/workspaces" REPOSITORIES_DIR="$WORK/repositories" \
    bash -c 'echo $$ >provisioner.pid; exec "$@"' provisioner "$WORK/bin/provisioner" \
    --conninfo "host=$WORK dbname=platform user=builder" --organization acme --name demo --provisioners example \
    --concurrency 4 --work-dir "$WORK/provisioner" "$WORK/bin/workspace" >"$WORK/provisioner.log" 2>&1 &
  PROVISIONER=$!
}

demo_end() {
  local status=$? pid
  set +e
  for pid in $(cat "$WORK/provisioner.pid" 2>/dev/null) $(workspace_processes); do
    kill -KILL "$pid" 2>/dev/null
  done
  harness_end
  [ "$status" -eq 0 ] || printf '\nThe demo did not reach its end (status %d).\n' "$status" >&2
  exit "$status"
}

push() {
  as_tester "$PG_BIN/psql" -X -q -A -t -v ON_ERROR_STOP=1 -h "$WORK" -U author -d platform \
    -v document="$1" -v activate="$2" -f "$WORK/bin/push.sql" 2>>"$WORK/sessions.log" || give_up "the push was refused"
}

# ---- the story ----------------------------------------------------------------------------------------------

printf '%spg_prebuilds%s: workspaces that are ready before anyone asks\n' "$BOLD" "$PLAIN"

chapter "1  A PostgreSQL of its own"
harness_begin curl git python3
trap demo_end EXIT
trap : PIPE # a session that died shows as an error of the write
mkdir -p "$REPO/build"
say "building the extension and the example provisioner, which takes a minute or two the first time"
{ build_extension demo with_llvm=no all provisioner && install_extension demo; } >"$REPO/build/demo.log" 2>&1 ||
  { tail -20 "$REPO/build/demo.log" >&2; give_up "the build (all of it: build/demo.log)"; }
install -D -t "$WORK/bin" "$REPO/build/demo/examples/provisioner/provisioner" "$REPO"/examples/template/{workspace,push.sql}
as_tester mkdir "$WORK/workspaces" "$WORK/repositories"
start_cluster platform "fsync = on" || give_up "the server does not start"
as_tester "$PG_BIN/psql" -X -q -v ON_ERROR_STOP=1 -h "$WORK" -d postgres -o /dev/null 2>>"$WORK/sessions.log" <<'SQL' || give_up "the database"
CREATE DATABASE platform;
\c platform
CREATE EXTENSION pg_prebuilds;
CREATE ROLE author LOGIN;
CREATE ROLE builder LOGIN;
CREATE ROLE app LOGIN;
CREATE ROLE watcher LOGIN;
SELECT prebuilds_grant('author', 'author'), prebuilds_grant('builder', 'provisioner'),
       prebuilds_grant('app', 'claimer'), prebuilds_grant('watcher', 'observer');
SQL
for role in author app watcher; do
  open_session "$role"
done
say "$("$PG_CONFIG" --version) runs in $WORK, with shared_preload_libraries = 'pg_prebuilds'" \
  "four roles can do one thing each: author, builder (the provisioner), app, watcher"

chapter "2  Tara pushes a template"
DOCUMENT=$(cat "$REPO/examples/template/template.json")
make_repository
push "$DOCUMENT" true >/dev/null
say "examples/template/template.json: a workspace is a clone of a git repository, served over HTTP" \
  "preset main: keep 3 ready      preset draft: keep 2 ready      preset archive: keep none"

chapter "3  The pools fill themselves"
say "The worker inside PostgreSQL puts builds into the queue. The provisioner outside takes them out:" \
  "it clones, starts a server, and reports a workspace ready when it answers."
start_provisioner
watch_pools "$POOLS_FULL"
directories=("$WORK"/workspaces/*)
say '' "${#directories[@]} directories with a clone and $(workspace_processes | wc -l) web servers wait for somebody."

read -r TEMPLATE ARCHIVE < <(ask app "SELECT template_id || ' ' || preset_id FROM prebuilds_find_preset('acme', 'handbook', 'archive')")
MAIN=$(ask app "SELECT preset_id FROM prebuilds_find_preset('acme', 'handbook', 'main')")
ADA=$(ask app "SELECT prebuilds_ensure_user('ada', 'ada@example.com')")
GRACE=$(ask app "SELECT prebuilds_ensure_user('grace', 'grace@example.com')")
LINUS=$(ask app "SELECT prebuilds_ensure_user('linus', 'linus@example.com')")

chapter "4  Cold: Ada wants the archive, and nobody keeps that ready"
show_statement "SELECT * FROM prebuilds_create_workspace(template, ada, 'old-handbook', preset_id => archive)"
began=$(clock)
ADAS=$(ask app "SELECT workspace_id FROM prebuilds_create_workspace('$TEMPLATE', '$ADA', 'old-handbook', preset_id => '$ARCHIVE')")
wait_until "Ada's workspace" is_ready "$ADAS"
expect_tag "$(url_of "$ADAS")" old-handbook ada
COLD=$(milliseconds_since "$began")
say "cloned, served and answering after $COLD ms. This one is small; a real one takes minutes."

# claim USER NAME BUILD: sets CLAIMED to the workspace, and CLAIM_TIME to the milliseconds of the call.
claim() {
  local answer
  answer=$(ask app "\\timing on
SELECT prebuilds_claim('$MAIN', '$1', '$2', build => $3);
\\timing off")
  CLAIMED=$(sed -n 1p <<<"$answer")
  CLAIM_TIME=$(sed -n 's/^Time: \([0-9]*\.[0-9]\).* ms.*/\1/p' <<<"$answer")
  if [ -z "$CLAIMED" ] || [ -z "$CLAIM_TIME" ]; then
    give_up "nothing was claimed: $answer"
  fi
}

# The application's connection comes from its pool: it has claimed before. A claim that is rolled back
# never happened.
for _ in {1..6}; do
  ask app "BEGIN; SELECT prebuilds_claim('$MAIN', '$GRACE', 'handbook'); ROLLBACK" >/dev/null
done

chapter "5  Warm: Grace and Linus want main"
show_statement "SELECT prebuilds_claim(main, grace, 'handbook')"
began=$(clock)
claim "$GRACE" handbook true
GRACES=$CLAIMED
wait_until "Grace's workspace" is_ready "$GRACES"
URL=$(url_of "$GRACES")
expect_tag "$URL" handbook grace
say "hers after $CLAIM_TIME ms, committed. Her name is on it after $(milliseconds_since "$began") ms: the provisioner renamed" \
  "the workspace that was running already."
show_statement "SELECT prebuilds_claim(main, linus, 'handbook', build => false)"
began=$(clock)
claim "$LINUS" handbook false
LINUSS=$CLAIMED
open_url "$(url_of "$LINUSS")" >/dev/null
WARM=$(milliseconds_since "$began")
say "his after $CLAIM_TIME ms, handed over as it is: its page is open after $WARM ms." \
  '' "from the wish to the open page    cold $COLD ms    warm $WARM ms" '' "\$ curl $URL"
open_url "$URL" | sed 's/^/  /'
say "\$ curl ${URL}workspace.json"
open_url "${URL}workspace.json" | sed 's/^/  /'

chapter "6  The pool refills"
say "Two of main are gone to people, so two new ones are on their way."
watch_pools "$POOLS_FULL"

chapter "7  Tara promotes a new version"
VERSION=$(push "$(sed -e 's/"v1"/"v2"/' -e 's/"instances": 3/"instances": 4/' <<<"$DOCUMENT")" false)
ask author "SELECT prebuilds_promote_version('$VERSION')" >/dev/null
say "v2 keeps 4 of main. What is ready of v1 goes, v2 comes, and what people own stays as it is."
watch_pools "$POOLS_FULL"
expect_tag "$URL" handbook grace
say '' "Grace's workspace still answers, still v1."

chapter "8  Closing time"
for workspace in "$ADAS:$ADA" "$GRACES:$GRACE" "$LINUSS:$LINUS"; do
  ask app "SELECT prebuilds_build_workspace('${workspace%:*}', 'delete', '${workspace#*:}')" >/dev/null
done
for workspace in "$ADAS" "$GRACES" "$LINUSS"; do
  wait_until "a workspace to be deleted" has_build_finished "$workspace"
done
say "Ada, Grace and Linus delete theirs; Tara deletes the template, and the pools drain."
ask author "SELECT prebuilds_delete_template('$TEMPLATE')" >/dev/null
watch_pools "$POOLS_GONE"
wait_until "directories and servers to be gone" are_workspaces_gone
kill -TERM "$(cat "$WORK/provisioner.pid")"
wait "$PROVISIONER" || give_up "the provisioner ended with status $?"
rm "$WORK/provisioner.pid"
as_tester "$PG_BIN/psql" -X -q -o /dev/null -v ON_ERROR_STOP=1 -h "$WORK" -d platform \
  -c "SELECT prebuilds_worker_stop('the demo is over')" 2>>"$WORK/sessions.log" || give_up "the worker does not stop"
stop_cluster platform || give_up "the server does not stop"
say '' "No directory and no web server is left; provisioner, worker and server have ended cleanly."
