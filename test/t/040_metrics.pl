# What Prometheus' own tool says to the metrics of a database at work, and what it does not check.
use strict;
use warnings;
use IPC::Run qw(run);
use PostgreSQL::Test::Utils;
use PrebuildsTest;
use Test::More;

my $node = start_node('main');
$node->safe_psql('postgres', 'CREATE EXTENSION pg_prebuilds');
sub sql { return $node->safe_psql('postgres', $_[0]) }

# Every sample: name, labels, value. Fails on what promtool lets pass: a series that is there twice, a histogram whose
# buckets do not add up.
sub samples
{
    my ($text, $what) = @_;
    my (%value, %below, @wrong);
    for my $line (grep { !/^(#|$)/ } split /\n/, $text)
    {
        my ($name, $labels, $value) = $line =~ /^(\w+)(?:\{(.*)\})? (\S+)$/ or push @wrong, "not a sample: $line";
        $labels //= '';
        push @wrong, "twice: $line" if exists $value{"$name\{$labels\}"};
        $value{"$name\{$labels\}"} = $value;
        if ($name =~ s/_bucket$// && $labels =~ s/,?le="([^"]+)"$//)
        {
            my $series = "$name\{$labels\}";
            push @wrong, "less than the bucket before: $line" if $value < ($below{$series} // 0);
            $below{$series} = $value;
        }
    }
    while (my ($series, $count) = each %below)
    {
        my $total = $value{ $series =~ s/\{/_count{/r };
        push @wrong, "the last bucket of $series is not its count" unless defined $total && $total == $count;
    }
    is_deeply(\@wrong, [], "$what: series are unique and buckets add up");
    return \%value;
}

sub check
{
    my ($what) = @_;
    my $text = $node->safe_psql('postgres', 'SELECT prebuilds_metrics()', extra_params => [ '-U', 'watcher' ]) . "\n";
    my $said;
    ok(run([ 'promtool', 'check', 'metrics' ], '<', \$text, '>&', \$said), "$what: promtool accepts the metrics");
    is($said, '', "$what: promtool has nothing to say");
    return samples($text, $what);
}

sql(q{CREATE ROLE watcher LOGIN; SELECT prebuilds_grant('watcher', 'observer')});
check('empty');

# A pool at work, with names that need escaping. Jobs are done as soon as they are there.
sql(q{SELECT prebuilds_push_template('acme', E'we"b\\\\n', 'v1', '[{"name": "a\\\\b \"c\"", "default": true, "prebuilds": {"instances": 3}},
                                                                      {"name": "failing", "prebuilds": {"instances": 1}}]')});
sql(q{SELECT prebuilds_ensure_user('ann')});
sql(q{SELECT prebuilds_register_provisioner('acme', 'p1')});
sql(<<'SQL');
CREATE FUNCTION work() RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    daemon constant uuid := (SELECT id FROM prebuilds.provisioner_daemons);
    job record;
BEGIN
    FOR job IN SELECT * FROM prebuilds_acquire_job(daemon, 100) LOOP
        IF EXISTS (SELECT FROM prebuilds.workspace_builds b JOIN prebuilds.template_version_presets p ON p.id = b.template_version_preset_id
                   WHERE b.job_id = job.job_id AND p.name = 'failing') THEN
            PERFORM prebuilds_fail_job(job.job_id, daemon, 'no');
        ELSE
            PERFORM prebuilds_report_agent(a, 'ready')
            FROM prebuilds_complete_job(job.job_id, daemon, NULL, '[{"type": "vm", "name": "main", "agents": [{"name": "main"}]}]') AS c (agent_ids),
                 unnest(c.agent_ids) AS a;
        END IF;
    END LOOP;
END
$$;
SQL
my $ready = q{SELECT eligible = 3 FROM (SELECT work()) AS w, prebuilds_find_preset('acme', E'we"b\\\\n')};
my $claim = q{SELECT prebuilds_claim(preset_id, prebuilds_ensure_user('ann'), '%s') FROM prebuilds_find_preset('acme', E'we"b\\\\n')};
for my $n (1 .. 4)
{
    ok($node->poll_query_until('postgres', $ready), "the pool is full before claim $n");
    isnt(sql(sprintf $claim, "work$n"), '', "claim $n");
}
sql('SELECT work()');
sql(q{SET prebuilds.enabled = off;
      SELECT prebuilds_create_workspace(template_id, prebuilds_ensure_user('ann'), 'scratch', preset_id => NULL, template_version_id => template_version_id)
      FROM prebuilds_find_preset('acme', E'we"b\\\\n')});
sql(q{SELECT prebuilds_track_resource_replacement(w.id, b.id, '{"vm.main": ["image"]}')
      FROM prebuilds.workspaces w JOIN prebuilds.workspace_builds b ON b.workspace_id = w.id AND b.build_number = 2});
ok($node->poll_query_until('postgres', $ready), 'the pool is full again');

my $labels = 'template_name="we\"b\\\\n",preset_name="a\\\\b \"c\"",organization_name="acme"';
my $before = check('at work');
is($before->{"coderd_prebuilt_workspaces_created_total{$labels}"}, 7, 'created');
is($before->{"coderd_prebuilt_workspaces_claimed_total{$labels}"}, 4, 'claimed');
is($before->{"coderd_prebuilt_workspaces_resource_replacements_total{$labels}"}, 4, 'replacements');
is($before->{"coderd_prebuilt_workspaces_eligible{$labels}"}, 3, 'eligible');
is($before->{"coderd_prebuilt_workspace_claim_duration_seconds_count{$labels}"}, 4, 'claims timed');
is($before->{"coderd_prebuilt_workspace_replenish_duration_seconds_count{$labels}"}, 7, 'replenishment timed');
is($before->{"coderd_workspace_creation_duration_seconds_count{$labels,type=\"prebuild\"}"}, 7, 'prebuilds timed');
is($before->{"coderd_workspace_creation_total{$labels}"}, 1, 'built from scratch');
is($before->{"coderd_workspace_creation_duration_seconds_count{$labels,type=\"regular\"}"}, 1, 'built from scratch, timed');
cmp_ok($before->{'coderd_prebuilt_workspaces_failed_total{template_name="we\"b\\\\n",preset_name="failing",organization_name="acme"}'},
    '>=', 1, 'failed');

# Passes that write nothing are counted too: one with nothing to do, one while another is at work, one while paused.
my $count = q{SELECT passes FROM prebuilds.pass_counts() WHERE outcome = '%s'};
cmp_ok($before->{'coderd_prebuilds_reconciliation_passes_total{outcome="acted"}'}, '>=', 5, 'passes that created');
for my $outcome ('idle', 'without_lock', 'paused')
{
    my $passes = sql(sprintf $count, $outcome);
    my $other = $node->background_psql('postgres');
    sql('SELECT prebuilds_pause()') if $outcome eq 'paused';
    $other->query_safe('BEGIN; SELECT prebuilds_reconcile_all()') if $outcome eq 'without_lock';
    ok($node->poll_query_until('postgres', "SELECT passes > $passes FROM prebuilds_reconcile_all(), (" . sprintf($count, $outcome) . ') AS c'),
        "a pass that was $outcome is counted");
    $other->quit;
    sql('SELECT prebuilds_resume()');
}

# The worker folds when it starts and every minute; what is shown goes on, and over a restart of the server too. Also
# where times are written so that PostgreSQL reads them as others: IST is Israel's to it.
sql(q{SELECT prebuilds_pause('counters are compared')});
sql(q{INSERT INTO prebuilds.prebuild_events (created_at, preset_id, event_type)
    SELECT clock_timestamp(), preset_id, 'claim_missed' FROM prebuilds_find_preset('acme', E'we"b\\\\n'), generate_series(1, 2500)});
$before = check('paused');
$node->append_conf('postgresql.conf', "DateStyle = 'SQL, DMY'\nTimeZone = 'Asia/Kolkata'");
$node->restart;
ok($node->poll_query_until('postgres', 'SELECT count(*) = 0 FROM prebuilds.unfolded_metrics'), 'the worker folds, several batches at once');
my $after = check('folded');
my @changed = grep { /_(total|bucket|sum|count)\{/ && !/reconciliation_passes_total/ && $after->{$_} ne $before->{$_} } sort keys %$before;
is_deeply(\@changed, [], 'no counter has changed');

done_testing();
