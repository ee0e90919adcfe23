-- Of several parameters that no workspace can be built with, the first one by display order and name tells why.
CREATE EXTENSION pg_prebuilds;
\getenv srcdir PG_ABS_SRCDIR
\set ECHO none
\i :srcdir/test/fixtures/pools.sql
\set ECHO all
CALL fixture.web();
CALL fixture.antagonists();
CALL fixture.preset('p');
CALL fixture.preset('q');
CALL fixture.preset('without values');
CALL fixture.template('other');
CALL fixture.version('o1', 'other');
CALL fixture.preset('of other', version => 'o1');
CREATE PROCEDURE fixture.parameter(name text, display_order int DEFAULT 0, required boolean DEFAULT true, options jsonb DEFAULT '[]',
                                   regex text DEFAULT '', default_value text DEFAULT '', version text DEFAULT 'v1') LANGUAGE sql AS $$
    INSERT INTO template_version_parameters (template_version_id, name, display_order, required, options, validation_regex, default_value)
    VALUES (fixture.id(version), name, display_order, required, options, regex, default_value)
$$;
CREATE PROCEDURE fixture.value(name text, value text, preset text DEFAULT 'p') LANGUAGE sql AS $$
    INSERT INTO template_version_preset_parameters (template_version_preset_id, name, value) VALUES (fixture.id(preset), name, value)
$$;
CREATE VIEW fixture.shown AS
SELECT preset_name, left(regexp_replace(problem, '(long){100,}', 'long ...'), 120) AS problem
  FROM public.prebuilds_status(fixture.noon()) WHERE preset_name IN ('p', 'q', 'without values', 'of other');
SELECT * FROM fixture.shown;

CALL fixture.parameter('c', 1);
SELECT * FROM fixture.shown;
CALL fixture.parameter('b', 2);
CALL fixture.parameter('d', 1);
CALL fixture.parameter('a', 1);
CALL fixture.parameter('B', 1);
SELECT * FROM fixture.shown;
CALL fixture.parameter('z', -1);
SELECT * FROM fixture.shown;

-- Values are the preset's own; one that no parameter asks for is none's, wherever it stands among the others.
CALL fixture.value('A', 'asked for by nobody');
CALL fixture.value('z', 'given');
CALL fixture.value('zz', 'asked for by nobody');
CALL fixture.value('bb', 'asked for by nobody');
CALL fixture.value('a', 'given', 'q');
CALL fixture.value('B', '', 'q');
CALL fixture.value('z', '', 'q');
SELECT * FROM fixture.shown;
CALL fixture.value('a', 'given');
CALL fixture.value('B', 'given');
SELECT * FROM fixture.shown;
CALL fixture.value('c', 'given');
CALL fixture.value('d', 'given');
SELECT * FROM fixture.shown;
CALL fixture.value('b', 'given');
SELECT * FROM fixture.shown;

-- Long names, values and options, stored compressed and out of line; options that are nothing but null are none.
TRUNCATE template_version_parameters, template_version_preset_parameters;
CALL fixture.parameter(repeat('long', 20000));
SELECT * FROM fixture.shown;
CALL fixture.value(repeat('long', 20000), 'given');
CALL fixture.value(repeat('long', 20001), 'given', 'q');
SELECT * FROM fixture.shown;
CALL fixture.value('size', repeat('é', 100000));
CALL fixture.parameter('size', 1, false, '[null, {"name": "none"}, 1, true]');
SELECT * FROM fixture.shown;
UPDATE template_version_parameters SET options = (SELECT jsonb_agg(md5(n::text)) FROM generate_series(1, 10000) n) WHERE name = 'size';
SELECT * FROM fixture.shown;
UPDATE template_version_preset_parameters SET value = md5('10000') WHERE name = 'size';
SELECT * FROM fixture.shown;
UPDATE template_version_parameters SET options = '[]', validation_regex = repeat('(a)?', 500) || '$' WHERE name = 'size';
SELECT * FROM fixture.shown;
UPDATE template_version_parameters SET validation_regex = '^' || repeat('(a)?', 500) || '$' WHERE name = 'size';
SELECT * FROM fixture.shown;

-- Only what is to be filled is looked at.
UPDATE templates SET deprecated = 'gone' WHERE name = 'web';
SELECT * FROM fixture.shown;

SET client_min_messages = warning;
DROP SCHEMA fixture CASCADE;
DROP EXTENSION pg_prebuilds;
