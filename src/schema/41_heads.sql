-- Where the lists begin that are worked off oldest first: the claimable prebuilds of a preset, the pending jobs of a
-- queue. While somebody holds an old snapshot, the rows that have left a list stay in its index: with the library
-- preloaded a mark in shared memory spares the readers to walk over them again and again.

CREATE TYPE prebuilds.place AS (created_at timestamptz, id uuid);
COMMENT ON TYPE prebuilds.place IS 'A place in such a list: its entries are in this order';

CREATE FUNCTION prebuilds.pool_head(preset_id uuid, from_created_at timestamptz) RETURNS prebuilds.place
    LANGUAGE c VOLATILE STRICT PARALLEL UNSAFE
    AS 'MODULE_PATHNAME', 'prebuilds_pool_head';
COMMENT ON FUNCTION prebuilds.pool_head(uuid, timestamptz) IS
    'The oldest claimable prebuild of a preset as of now, locked or not, created then or later; NULL = there is none';

CREATE FUNCTION prebuilds.queue_head(
    queue_key bigint, class integer, from_created_at timestamptz DEFAULT NULL, from_id uuid DEFAULT NULL)
    RETURNS prebuilds.place
    LANGUAGE c VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE
    AS 'MODULE_PATHNAME', 'prebuilds_queue_head';
COMMENT ON FUNCTION prebuilds.queue_head(bigint, integer, timestamptz, uuid) IS
    'The oldest pending job of a queue as of now, locked or not, from this place on (NULL = from the beginning); class '
    '0 = of people, 1 = of the prebuilds user; NULL = there is none';
