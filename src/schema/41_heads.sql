-- Where the lists begin that are worked off oldest first: the claimable prebuilds of a preset, the pending jobs of a
-- queue. While somebody holds an old snapshot, the rows that have left a list stay in its index: with the library
-- preloaded a mark in shared memory spares the readers to walk over them again and again.

CREATE TYPE prebuilds.pool_head AS (created_at timestamptz, id uuid);
COMMENT ON TYPE prebuilds.pool_head IS 'A place in a pool, which is in this order';

CREATE FUNCTION prebuilds.find_pool_head(preset_id uuid, oldest timestamptz) RETURNS prebuilds.pool_head
    LANGUAGE c VOLATILE STRICT PARALLEL UNSAFE
    AS 'MODULE_PATHNAME', 'prebuilds_find_pool_head';
COMMENT ON FUNCTION prebuilds.find_pool_head(uuid, timestamptz) IS
    'The oldest claimable prebuild of a preset as of now, locked or not, or the place of this instant if it is older; '
    'NULL = there is no claimable prebuild';

CREATE TYPE prebuilds.queue_head AS (
    queue_key bigint, class integer, created_at timestamptz, id uuid, before_created_at timestamptz, before_id uuid);
COMMENT ON TYPE prebuilds.queue_head IS
    'The place of the oldest job in a queue, and the one where another queue goes on with older jobs. Class 0 = jobs of '
    'people, 1 = of the prebuilds user';

CREATE FUNCTION prebuilds.find_queue_head(queue_keys bigint[], after prebuilds.queue_head) RETURNS prebuilds.queue_head
    LANGUAGE c VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE
    AS 'MODULE_PATHNAME', 'prebuilds_find_queue_head';
COMMENT ON FUNCTION prebuilds.find_queue_head(bigint[], prebuilds.queue_head) IS
    'The oldest pending job of these queues as of now, locked or not, of people before the prebuilds user; after = from '
    'the place on where that head ended (NULL = from the beginning); NULL = there is none';
