# The one list of sources: read by the Makefile (include) and by CMakeLists.txt.
# Lines of the form NAME = words, nothing else.
CXX_STD = c++20
PG_MIN = 15
PG_MAX = 18
WARNINGS = -Wall -Wextra
CORE_SRCS = src/core/agenda.cpp src/core/balance.cpp src/core/finished_build.cpp src/core/time.cpp src/core/cron.cpp src/core/schedule.cpp src/core/decide.cpp src/core/due.cpp
PG_SRCS = src/module.cpp src/pg/boundary.cpp src/pg/datum.cpp src/pg/gucs.cpp src/pg/index_scan.cpp src/pg/probe.cpp src/pg/relation.cpp src/pg/result_set.cpp src/pg/spi.cpp src/pg/table_writer.cpp src/functions/identity.cpp src/functions/jobs.cpp
CHECKS_SRCS = src/checks/parameters.cpp src/checks/open_builds.cpp src/checks/preset_values.cpp src/checks/schedules.cpp src/checks/templates.cpp src/checks/timezone.cpp
MARKS_SRCS = src/marks/entries.cpp src/marks/marks.cpp
METRICS_SRCS = src/metrics/finished_builds.cpp src/metrics/prebuild_events.cpp
BUILDS_SRCS = src/builds/new_build.cpp
CLAIMS_SRCS = src/claims/claim.cpp src/claims/expiry.cpp src/claims/oldest_prebuild.cpp src/claims/terms.cpp
ROW_LOCKS_SRCS = src/row_locks/workspace.cpp
QUEUE_SRCS = src/queue/acquire.cpp src/queue/complete.cpp src/queue/daemon.cpp src/queue/description.cpp src/queue/oldest_job.cpp src/queue/resources.cpp src/queue/tags.cpp
READ_MODEL_SRCS = src/read_model/announcements.cpp src/read_model/definition.cpp src/read_model/derive.cpp src/read_model/job_queues.cpp src/read_model/triggers.cpp src/read_model/verify.cpp
RECONCILER_SRCS = src/reconciler/active_presets.cpp src/reconciler/apply.cpp src/reconciler/configurations.cpp src/reconciler/count_prebuilds.cpp src/reconciler/functions.cpp src/reconciler/membership.cpp src/reconciler/names.cpp src/reconciler/pass.cpp src/reconciler/pass_lock.cpp src/reconciler/pool_scan.cpp src/reconciler/record.cpp src/reconciler/snapshot.cpp src/reconciler/standstill.cpp
WORKER_SRCS = src/worker/extension.cpp src/worker/functions.cpp src/worker/hooks.cpp src/worker/launcher.cpp src/worker/locks.cpp src/worker/pass_counts.cpp src/worker/session.cpp src/worker/shmem.cpp src/worker/triggers.cpp src/worker/wakeup.cpp src/worker/worker.cpp src/worker/writers.cpp
