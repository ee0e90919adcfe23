-- The rows that an acquire and a complete write, in two round trips as well.
\set n :n + 1
\set job :first + :client_id * :each + :n
CALL bench.start_job(:job);
CALL bench.finish_job(:job);
