# Configurations are shown in the order of the database's collation, as ORDER BY has it.
use strict;
use warnings;
use PrebuildsTest;
use PostgreSQL::Test::Utils;
use Test::More;

# The launcher takes the only worker slot: nothing is created meanwhile.
my $node = start_node('main', 'max_worker_processes = 1');
plan skip_all => 'PostgreSQL was built without ICU'
    if $node->safe_psql('postgres', q{SELECT count(*) FROM pg_collation WHERE collprovider = 'i'}) eq '0';

my %order = (
    icu => q{CREATE DATABASE icu TEMPLATE template0 ENCODING 'UTF8' LOCALE 'C' LOCALE_PROVIDER icu ICU_LOCALE 'en'},
    c => q{CREATE DATABASE c TEMPLATE template0 ENCODING 'UTF8' LOCALE 'C'});
for my $database (sort keys %order)
{
    $node->safe_psql('postgres', $order{$database});
    $node->safe_psql($database, <<'SQL');
CREATE EXTENSION pg_prebuilds;
SELECT prebuilds_push_template(organization, template, 'v1',
    (SELECT jsonb_agg(jsonb_build_object('name', name, 'prebuilds', '{"instances": 1}'::jsonb))
       FROM unnest(names) AS n (name)))
  FROM unnest('{b, Ä, a, C}'::text[]) AS o (organization), unnest('{b, ä, Ab, aa, C}'::text[]) AS t (template),
       (VALUES ('{z, Ö, o, b-b, bA, P}'::text[])) AS n (names);
SQL
    my $shown = $node->safe_psql($database, <<'SQL');
SELECT string_agg(format('%s %s %s', organization_name, template_name, preset_name), ', ') FROM prebuilds_status()
SQL
    my $ordered = $node->safe_psql($database, <<'SQL');
SELECT string_agg(format('%s %s %s', o.name, t.name, p.name), ', ' ORDER BY o.name, t.name, p.name)
FROM prebuilds.template_version_presets AS p
JOIN prebuilds.template_versions AS v ON v.id = p.template_version_id
JOIN prebuilds.templates AS t ON t.id = v.template_id
JOIN prebuilds.organizations AS o ON o.id = t.organization_id
SQL
    is($shown, $ordered, "collation $database");
    $order{$database} = $shown;
}
isnt($order{icu}, $order{c}, 'the collations differ in these names');

done_testing();
