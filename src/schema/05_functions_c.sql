-- Functions of the library that the rest of the schema builds on.

CREATE FUNCTION prebuilds.uuid_v7(now timestamptz) RETURNS uuid
  LANGUAGE c VOLATILE STRICT PARALLEL SAFE
  AS 'MODULE_PATHNAME', 'prebuilds_uuid_v7';
COMMENT ON FUNCTION prebuilds.uuid_v7(timestamptz) IS
  'A new id (UUID version 7) that sorts by the given instant, to the microsecond; ids of one instant are in random order.';

CREATE FUNCTION prebuilds.caller() RETURNS oid
  LANGUAGE c STABLE PARALLEL RESTRICTED
  AS 'MODULE_PATHNAME', 'prebuilds_caller';
COMMENT ON FUNCTION prebuilds.caller() IS
  'The role that calls, also inside of SECURITY DEFINER functions, where current_user is their owner.';

CREATE FUNCTION prebuilds.this_database() RETURNS oid
  LANGUAGE c STABLE PARALLEL SAFE
  AS 'MODULE_PATHNAME', 'prebuilds_this_database';
COMMENT ON FUNCTION prebuilds.this_database() IS
  'The database of this session, without a look into pg_database.';
