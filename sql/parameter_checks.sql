-- Why no workspace can be built with the value of a parameter.
CREATE EXTENSION pg_prebuilds;
\pset null '(none)'

-- A value is there, or a default.
SELECT prebuilds.parameter_problem(NULL, true, 'not read', '[]', '') AS required_without_value,
       prebuilds.parameter_problem('', true, '', '[]', '') AS empty_is_a_value,
       prebuilds.parameter_problem(NULL, false, '', '["a"]', '^x') AS empty_default,
       prebuilds.parameter_problem(NULL, NULL, NULL, NULL, NULL) AS required_unless_said;

-- Options: strings, scalars by their text, or objects with a value.
SELECT value, prebuilds.parameter_problem(value, true, '', options, '') AS problem
  FROM (VALUES ('["a", 1.50, true, {"name": "n", "value": "v"}, {"name": "w"}, null, ["x"]]'::jsonb)) AS o (options),
       unnest('{a, 1.50, true, v, n, w, x, null, ""}'::text[]) WITH ORDINALITY AS v (value, i)
 ORDER BY i;
SELECT options, prebuilds.parameter_problem('a', true, '', options, '') AS problem
  FROM unnest(ARRAY['[]', '[[]]', '{}', '"a"', '1', 'null']::jsonb[]) AS options;
SELECT prebuilds.parameter_problem('z', true, '', jsonb_agg(n::text), '') AS many_options FROM generate_series(1, 1000) AS n;
SELECT prebuilds.parameter_problem(NULL, false, 'd', '["a", "b"]', '') AS default_not_an_option;

-- The regular expression: it matches somewhere, it sees letters as C does, and it may itself be wrong.
SELECT value, regex, prebuilds.parameter_problem(value, true, '', '[]', regex) AS problem
  FROM (VALUES ('t3.micro', '^t[0-9]'), ('xt3', 't[0-9]'), ('xt3', '^t[0-9]'), ('', '^$'), ('Ångström', '^\w+$'),
               ('ABC', '(?i)^abc$'), ('a', '('), ('a', '[z-a]'), ('a', 'a{2,1}'), ('a', '\1'), (E'a\nb', '^a.b$'))
       AS v (value, regex);
SELECT length(prebuilds.parameter_problem(repeat('ä', 100000), true, '', '[]', 'b')) < 500 AS long_values_are_cut;
-- Both must hold.
SELECT prebuilds.parameter_problem('a', true, '', '["a"]', 'b') AS option_that_does_not_match;

-- A wrong expression is no error and leaves nothing behind; a slow one can be cancelled.
DO $$
DECLARE
    before bigint;
    after  bigint;
BEGIN
    FOR i IN 1 .. 20000 LOOP
        PERFORM prebuilds.parameter_problem('aaa', true, '', '[]', '(a' || i),
                prebuilds.parameter_problem('aaa', true, '', '[]', '^(a|b)+' || i || '$');
        IF i = 2000 THEN
            before := split_part(pg_read_file('/proc/self/statm'), ' ', 2)::bigint;
        END IF;
    END LOOP;
    after := split_part(pg_read_file('/proc/self/statm'), ' ', 2)::bigint;
    IF after > before + 250 THEN
        RAISE 'the backend grew from % to % pages', before, after;
    END IF;
END
$$;
SET statement_timeout = '100ms';
SELECT prebuilds.parameter_problem(repeat('a', 1001), true, '', '[]', '^(a*)(a*)(a*)(a*)\1\2\3\4$');
RESET statement_timeout;

DROP EXTENSION pg_prebuilds;
