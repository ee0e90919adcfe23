# The example provisioner against a real queue: results, cancel, crashes of either side, and its own end.
use strict;
use warnings;
use Cwd qw(abs_path);
use File::Basename qw(dirname);
use IPC::Run qw(start);
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $program = abs_path(dirname(__FILE__) . '/../../examples/provisioner/provisioner');
die "build it first: make provisioner\n" unless $program && -x $program;

# Without the library preloaded there is no worker: every job here is one that the test made.
my $node = PostgreSQL::Test::Cluster->new('main');
$node->init;
$node->start;
$node->safe_psql('postgres', <<'SQL');
CREATE EXTENSION pg_prebuilds;
CREATE ROLE builder LOGIN;
CREATE ROLE stranger LOGIN;
SELECT prebuilds_grant('builder', 'provisioner');
SELECT prebuilds_push_template('acme', 'box', 'v1', '[]', '{"image": "it''s \"quoted\""}',
                               '[{"name": "behaviour", "default_value": "good"}, {"name": "cpu cores", "default_value": "4"}]',
                               provisioner => 'shell');
SQL

my $dir = PostgreSQL::Test::Utils::tempdir();
my $command = "$dir/command";
append_to_file($command, <<'SH');
#!/bin/bash
echo "$1 of $PREBUILDS_WORKSPACE_NAME"
case $1:$PREBUILDS_PARAMETER_BEHAVIOUR in
    start:fail) echo "no room left" >&2; exit 3 ;;
    start:bad_result) echo '[{"type": 1}]' >"$PREBUILDS_RESOURCES_FILE"; exit ;;
    start:slow | delete:slow_delete)
        touch "$DIR/$PREBUILDS_WORKSPACE_NAME.began"
        while [ ! -e "$DIR/$PREBUILDS_WORKSPACE_NAME.go" ]; do sleep 0.05; done ;;
    start:stubborn)
        trap '' TERM
        touch "$DIR/$PREBUILDS_WORKSPACE_NAME.began"
        while :; do sleep 0.05; done ;;
    start:garbled) printf 'caf\xe9\0\xff\n' ;;
    ready:not_yet) [ -e "$DIR/$PREBUILDS_WORKSPACE_NAME.ready" ]; exit ;;
    ready:never) echo "no answer"; exit 1 ;;
    ready:*) exit ;;
esac
env | sort >"$DIR/$PREBUILDS_WORKSPACE_NAME.$1.environment"
cp "$PREBUILDS_STATE_FILE" "$DIR/$PREBUILDS_WORKSPACE_NAME.$1.state"
printf '\0\1%s\n' "$1" >"$PREBUILDS_STATE_FILE"
if [ "$1" = start ]; then
    echo '[{"type": "vm", "name": "main", "daily_cost": 2, "metadata": {"url": "http://box"},
            "agents": [{"name": "a"}, {"name": "b"}]}]' >"$PREBUILDS_RESOURCES_FILE"
fi
SH
chmod 0755, $command;
$ENV{DIR} = $dir;

my $log = "$dir/provisioner.log";
my $provisioner;

sub start_provisioner
{
    $provisioner = start [ $program, '--conninfo', $node->connstr('postgres') . ' user=builder',
        '--organization', 'acme', '--name', 'p1', '--provisioners', 'shell', '--work-dir', "$dir/work",
        '--concurrency', 2, '--kill-after', 1, '--ready-timeout', 1, @_, $command ],
      '>>', $log, '2>&1';
    return;
}

sub sql { return $node->safe_psql('postgres', $_[0]) }

sub wait_for
{
    my ($condition, $expected, $name) = @_;
    ok($node->poll_query_until('postgres', $condition, $expected // 't'), $name) or diag(slurp_file($log));
    return;
}

# A workspace whose start shows this behaviour.
sub create
{
    my ($name, $behaviour) = @_;
    return sql(<<"SQL");
SELECT workspace_id FROM prebuilds_create_workspace(
    (SELECT id FROM prebuilds.templates), prebuilds_ensure_user('ada'), '$name', '{"behaviour": "$behaviour"}')
SQL
}

# A member of the job of a workspace's latest build, as an expression.
sub job_of
{
    my ($workspace, $member) = @_;
    return <<"SQL";
(SELECT j.$member FROM prebuilds.provisioner_jobs AS j JOIN prebuilds.workspace_builds AS b ON b.job_id = j.id
 WHERE b.workspace_id = '$workspace' ORDER BY b.build_number DESC LIMIT 1)
SQL
}

sub wait_for_status
{
    my ($workspace, $status, $name) = @_;
    wait_for("SELECT job_status FROM prebuilds_workspace('$workspace')", $status, $name);
    return;
}

# Of what the database does not tell.
sub wait_until
{
    my ($condition, $name) = @_;
    for (1 .. 600) { last if $condition->(); select(undef, undef, undef, 0.1) }
    ok($condition->(), $name) or diag(slurp_file($log));
    return;
}

sub wait_until_begun
{
    my ($name) = @_;
    wait_until(sub { -e "$dir/$name.began" }, "$name begins");
    return;
}

sub go { append_to_file("$dir/$_[0].go", ''); return }

# ---- what it refuses to begin with ----
sub refuses
{
    my ($user, $organization, $pattern, $name) = @_;
    command_fails_like([ $program, '-d', $node->connstr('postgres') . " user=$user", '-o', $organization, '-w', "$dir/other",
            $command ], $pattern, $name);
    return;
}
refuses('builder', 'nobody', qr/organization "nobody" does not exist/, 'an unknown organization');
refuses('stranger', 'acme', qr/permission denied/, 'a role without the capability');
command_fails_like([ $program, '-o', 'acme', '-w', $dir, '-c', '0', $command ], qr/--concurrency must be .* not "0"/, 'a bad option');

# ---- a good job: environment, state, resources, agents, log ----
start_provisioner();
wait_for('SELECT count(*) FROM prebuilds.provisioner_daemons', '1', 'it registers');
command_fails_like([ $program, '-d', $node->connstr('postgres') . ' user=builder', '-o', 'acme', '-w', "$dir/work", $command ],
    qr/cannot lock/, 'two processes in one work directory');

my $good = create('good', 'good');
wait_for("SELECT ready FROM prebuilds_workspace('$good')", 't', 'a workspace gets ready');
is( sql("SELECT job_status, resources -> 0 -> 'metadata' ->> 'url', agents -> 0 ->> 'name', agents -> 1 ->> 'name' FROM prebuilds_workspace('$good')"),
    'succeeded|http://box|a|b', 'its resources and agents');
is(sql('SELECT line FROM prebuilds.provisioner_job_logs WHERE job_id = ' . job_of($good, 'id')), 'start of good', 'its log');
my $environment = slurp_file("$dir/good.start.environment");
for my $line (
    "PREBUILDS_WORKSPACE_ID=$good", 'PREBUILDS_WORKSPACE_NAME=good', 'PREBUILDS_OWNER_NAME=ada', 'PREBUILDS_TRANSITION=start',
    'PREBUILDS_STAGE=none', 'PREBUILDS_BUILD_NUMBER=1', 'PREBUILDS_ORGANIZATION=acme', 'PREBUILDS_TEMPLATE=box',
    'PREBUILDS_VERSION=v1', 'PREBUILDS_DEFINITION={"image": "it\'s \"quoted\""}', 'PREBUILDS_PARAMETER_BEHAVIOUR=good',
    'PREBUILDS_PARAMETER_CPU_CORES=4')
{
    like($environment, qr/^\Q$line\E$/m, $line);
}

sql("SELECT prebuilds_build_workspace('$good', 'stop', prebuilds_ensure_user('ada'))");
wait_for_status($good, 'succeeded', 'the workspace is stopped');
is(slurp_file("$dir/good.start.state"), '', 'the first build has no state');
is(slurp_file("$dir/good.stop.state"), "\0\1start\n", 'the second build is given the state of the first');
sql("SELECT prebuilds_build_workspace('$good', 'delete', prebuilds_ensure_user('ada'))");
wait_for("SELECT deleted FROM prebuilds.workspaces WHERE id = '$good'", 't', 'the workspace is deleted');
is(slurp_file("$dir/good.delete.state"), "\0\1stop\n", 'the third build is given the state of the second');

my $garbled = create('garbled', 'garbled');
wait_for("SELECT ready FROM prebuilds_workspace('$garbled')", 't', 'output that is no text does no harm');
is( sql('SELECT line FROM prebuilds.provisioner_job_logs WHERE job_id = ' . job_of($garbled, 'id') . ' ORDER BY id DESC LIMIT 1'),
    'caf???', 'what is no text is replaced');

# ---- bad ends ----
my $fail = create('fail', 'fail');
wait_for_status($fail, 'failed', 'a failing command');
is(sql('SELECT ' . job_of($fail, 'error') . ', ' . job_of($fail, 'error_code')),
    'the command ended with status 3: no room left|EXIT_STATUS_3', 'its error and code');
my $bad_result = create('bad_result', 'bad_result');
wait_for_status($bad_result, 'failed', 'resources that the server refuses');
is(sql('SELECT ' . job_of($bad_result, 'error_code')), 'BAD_RESULT', 'the code of refused resources');
my $never = create('never', 'never');
wait_for("SELECT agents -> 0 ->> 'lifecycle_state' FROM prebuilds_workspace('$never')", 'start_timeout', 'a workspace that never answers');

# ---- cancel ----
my $canceled = create('canceled', 'slow');
my $stubborn = create('stubborn', 'stubborn');
wait_until_begun('canceled');
wait_until_begun('stubborn');
pass('two jobs run at the same time');
sql('SELECT prebuilds_cancel_job(' . job_of($_, 'id') . ')') for $canceled, $stubborn;
wait_for_status($canceled, 'canceled', 'a canceled command ends');
wait_for_status($stubborn, 'canceled', 'one that ignores SIGTERM is killed');
my $kept = create('kept', 'slow_delete');
wait_for_status($kept, 'succeeded', 'a workspace to delete');
sql("SELECT prebuilds_build_workspace('$kept', 'delete', prebuilds_ensure_user('ada'))");
wait_until_begun('kept');
sql('SELECT prebuilds_cancel_job(' . job_of($kept, 'id') . ')');
wait_for_status($kept, 'failed', 'a canceled delete has failed');
is(sql("SELECT deleted FROM prebuilds.workspaces WHERE id = '$kept'"), 'f', 'what it did not delete is still there');

# ---- the server restarts ----
for my $mode ('fast', 'immediate')
{
    my $patient = create("patient_$mode", 'slow');
    wait_until_begun("patient_$mode");
    $node->stop($mode);
    go("patient_$mode");
    $node->start;
    wait_for("SELECT ready FROM prebuilds_workspace('$patient')", 't', "a job survives a restart ($mode)");
}

# ---- the provisioner dies ----
my $not_yet = create('not_yet', 'not_yet');
my $orphan = create('orphan', 'slow');
wait_until_begun('orphan');
wait_for_status($not_yet, 'succeeded', 'a workspace that is not ready yet');
$provisioner->signal('KILL');
eval { $provisioner->finish };
append_to_file("$dir/not_yet.ready", '');
start_provisioner();
wait_for_status($orphan, 'failed', 'a job of the process that died');
is(sql('SELECT ' . job_of($orphan, 'error_code')), 'PROVISIONER_RESTARTED', 'its code');
wait_for("SELECT ready FROM prebuilds_workspace('$not_yet')", 't', 'the next process reports its agents');

# ---- it is asked to end ----
my $drained = create('drained', 'slow');
wait_until_begun('drained');
$provisioner->signal('TERM');
go('drained');
ok($provisioner->finish, 'SIGTERM: it ends with status 0');
is(sql("SELECT job_status FROM prebuilds_workspace('$drained')"), 'succeeded', 'its job was finished first');

start_provisioner('--drain-timeout', 0);
my $stopped = create('stopped', 'slow');
wait_until_begun('stopped');
$provisioner->signal('TERM');
ok($provisioner->finish, 'the drain time-out: it ends with status 0');
is(sql('SELECT ' . job_of($stopped, 'error_code')), 'PROVISIONER_STOPPED', 'its job was ended and failed');

# The agents of the drained job are reported by the next process, if need be. It minds signals before it registers.
my $log_before = -s $log;
start_provisioner();
wait_until(sub { slurp_file($log, $log_before) =~ /registered as p1/ }, 'the next process registers');
wait_for("SELECT ready FROM prebuilds_workspace('$drained')", 't', 'the drained job gets ready');
$provisioner->signal('TERM');
ok($provisioner->finish, 'SIGTERM without a job: it ends with status 0');
is_deeply([ glob("$dir/work/jobs/*") ], [], 'nothing is left in its work directory');
done_testing();
