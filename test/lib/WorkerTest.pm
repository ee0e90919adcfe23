# What the TAP tests of the background worker share.
package WorkerTest;

use strict;
use warnings;
use Exporter 'import';
use Test::More;

our @EXPORT = qw(worker wait_for_worker wait_for_no_worker state status push_pool set_desired pool_size wait_for_pool log_since);

# A column of prebuilds_worker_status().
sub status
{
    my ($node, $database, $column) = @_;
    return $node->safe_psql($database, "SELECT $column FROM prebuilds_worker_status()");
}

sub state { my ($node, $database) = @_; return status($node, $database, 'state') }

# The pid of the worker of a database; empty: there is none.
sub worker { my ($node, $database) = @_; return status($node, $database, 'pid') }

# Waits for a worker that is not the process $other and has made a pass; returns its pid.
sub wait_for_worker
{
    my ($node, $database, $other) = @_;
    $other ||= 0;
    $node->poll_query_until($database, "SELECT pid <> $other AND state = 'idle' AND last_pass IS NOT NULL FROM prebuilds_worker_status()")
        or die "no worker came up in $database";
    return worker($node, $database);
}

# Whether there is no worker process for a database, asked from outside of it.
sub wait_for_no_worker
{
    my ($node, $database) = @_;
    return $node->poll_query_until('postgres',
        "SELECT count(*) = 0 FROM pg_stat_activity WHERE backend_type = 'pg_prebuilds worker' AND datname = '$database'");
}

# A template with one preset that desires so many; returns the preset's id.
sub push_pool
{
    my ($node, $database, $name, $desired) = @_;
    return $node->safe_psql($database, <<"SQL");
SELECT preset_ids ->> 'small'
FROM prebuilds_push_template('acme', '$name', 'v1', '[{"name": "small", "prebuilds": {"instances": $desired}}]')
SQL
}

sub set_desired
{
    my ($node, $database, $preset, $desired) = @_;
    $node->safe_psql($database, "UPDATE prebuilds.template_version_presets SET desired_instances = $desired WHERE id = '$preset'");
    return;
}

# Prebuilds of a preset that run or start.
my $members = q{FROM prebuilds.live_prebuilds WHERE transition = 'start' AND job_status <> 'failed' AND preset_id =};

sub pool_size
{
    my ($node, $database, $preset) = @_;
    return $node->safe_psql($database, "SELECT count(*) $members '$preset'");
}

sub wait_for_pool
{
    my ($node, $database, $preset, $size) = @_;
    return $node->poll_query_until($database, "SELECT count(*) = $size $members '$preset'");
}

# What the server has logged since an offset into its log.
sub log_since
{
    my ($node, $offset) = @_;
    return substr(PostgreSQL::Test::Utils::slurp_file($node->logfile), $offset);
}

1;
