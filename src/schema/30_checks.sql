-- What constraints cannot say: schedules that make sense together, values that a workspace can be built from, and
-- which builds are open.

CREATE FUNCTION prebuilds.schedule_problem(timezone text, crons text[], instances integer[]) RETURNS jsonb
    LANGUAGE c STABLE PARALLEL SAFE
    AS 'MODULE_PATHNAME', 'prebuilds_schedule_problem';
COMMENT ON FUNCTION prebuilds.schedule_problem(text, text[], integer[]) IS
    'The first thing wrong with the schedules of one preset, of which the i-th has the i-th expression and count: '
    '{"message", "detail", "hint", "index"} with null for what there is not; index counts from 0, null means the zone. '
    'NULL if all is well. Error 22023: not as many expressions as counts';

CREATE FUNCTION prebuilds.parameter_problem(value text, required boolean, default_value text, options jsonb,
                                            validation_regex text) RETURNS text
    LANGUAGE c IMMUTABLE PARALLEL SAFE
    AS 'MODULE_PATHNAME', 'prebuilds_parameter_problem';
COMMENT ON FUNCTION prebuilds.parameter_problem(text, boolean, text, jsonb, text) IS
    'Why no workspace can be built with this value (NULL = none given) of a parameter that is declared like this; NULL '
    'if one can. Options are strings or objects with a member "value"; a pattern must match somewhere, in the C collation; '
    'a default is checked unless it is empty. No declaration makes it fail';

CREATE FUNCTION prebuilds.check_written_schedules() RETURNS trigger
    LANGUAGE c SECURITY DEFINER
    SET search_path = pg_catalog, pg_temp
    AS 'MODULE_PATHNAME', 'prebuilds_check_written_schedules';
CREATE FUNCTION prebuilds.check_changed_zone() RETURNS trigger
    LANGUAGE c SECURITY DEFINER
    SET search_path = pg_catalog, pg_temp
    AS 'MODULE_PATHNAME', 'prebuilds_check_changed_zone';
COMMENT ON FUNCTION prebuilds.check_written_schedules() IS
    'Checks all schedules of the presets whose schedules were written. Error 22023';
COMMENT ON FUNCTION prebuilds.check_changed_zone() IS
    'Checks the schedules of a preset in its new zone. Error 22023';

CREATE TRIGGER check_inserted_schedules AFTER INSERT ON prebuilds.template_version_preset_prebuild_schedules
    REFERENCING NEW TABLE AS new_schedules
    FOR EACH STATEMENT EXECUTE FUNCTION prebuilds.check_written_schedules();
CREATE TRIGGER check_updated_schedules AFTER UPDATE ON prebuilds.template_version_preset_prebuild_schedules
    REFERENCING NEW TABLE AS new_schedules
    FOR EACH STATEMENT EXECUTE FUNCTION prebuilds.check_written_schedules();
CREATE TRIGGER check_changed_zone AFTER UPDATE OF scheduling_timezone ON prebuilds.template_version_presets
    FOR EACH ROW WHEN (OLD.scheduling_timezone <> NEW.scheduling_timezone)
    EXECUTE FUNCTION prebuilds.check_changed_zone();
