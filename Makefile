# Build, install and test pg_prebuilds. `make demo` and `make test` need nothing installed by hand.
include sources.mk

# These find or install PostgreSQL themselves, so they must work where there is no pg_config yet.
STANDALONE = deps demo bench test test-% check-boundary
all:
ifneq ($(filter-out $(STANDALONE),$(or $(MAKECMDGOALS),all)),)

EXTENSION  = pg_prebuilds
EXTVERSION = $(shell sed -n "s/^default_version *= *'\(.*\)'/\1/p" $(EXTENSION).control)

MODULE_big  = $(EXTENSION)
SRCS        = $(CORE_SRCS) $(PG_SRCS) $(CHECKS_SRCS) $(MARKS_SRCS) $(METRICS_SRCS) $(BUILDS_SRCS) $(CLAIMS_SRCS) $(ROW_LOCKS_SRCS) $(QUEUE_SRCS) $(READ_MODEL_SRCS) $(RECONCILER_SRCS) $(WORKER_SRCS)
OBJS        = $(SRCS:.cpp=.o)
DATA_built  = $(EXTENSION)--$(EXTVERSION).sql
EXTRA_CLEAN = build results output_iso tmp_check log $(OBJS:.o=.d)

REGRESS        = $(basename $(notdir $(sort $(wildcard sql/*.sql))))
ISOLATION      = $(basename $(notdir $(sort $(wildcard test/isolation/specs/*.spec))))
ISOLATION_OPTS = --inputdir=test/isolation

SCHEMA = $(sort $(wildcard src/schema/*.sql))

PG_CPPFLAGS = -Isrc -DPREBUILDS_VERSION=\"$(EXTVERSION)\"
# PostgreSQL <= 15 headers still say `register`: a warning in g++, an error in clang.
PG_CXXFLAGS = -std=$(CXX_STD) $(WARNINGS) -Wno-register $(EXTRA_CXXFLAGS)
# The server's own flags are gcc's.
ifneq ($(findstring clang,$(CXX)),)
PG_CXXFLAGS += -Wno-unknown-warning-option
endif
# Link with the C++ driver, so that libstdc++ is a dependency of its own right.
override COMPILER = $(CXX) $(CXXFLAGS)

PG_CONFIG ?= $(if $(PG_MAJOR),/usr/lib/postgresql/$(PG_MAJOR)/bin/)pg_config
# Bitcode helps only to inline C functions into compiled expressions, which ours are not in.
override with_llvm = no
PGXS := $(shell $(PG_CONFIG) --pgxs)
include $(PGXS)

ifneq ($(shell test $(MAJORVERSION) -ge $(PG_MIN) -a $(MAJORVERSION) -le $(PG_MAX) && echo ok),ok)
$(error PostgreSQL $(VERSION) is not supported: $(PG_MIN) to $(PG_MAX) are (make PG_MAX=$(MAJORVERSION) to try it))
endif

# PGXS does not track headers on every platform.
override CXXFLAGS += -MMD -MP
-include $(OBJS:.o=.d)

$(EXTENSION)--$(EXTVERSION).sql: $(SCHEMA) $(EXTENSION).control Makefile
	{ printf '%s\n' '\echo Use "CREATE EXTENSION $(EXTENSION)" to load this file. \quit'; cat $(SCHEMA); } > $@

.PHONY: provisioner clean-provisioner
provisioner:
	$(MAKE) -C examples/provisioner PG_CONFIG=$(PG_CONFIG)
clean: clean-provisioner
clean-provisioner:
	$(MAKE) -C examples/provisioner clean

endif
include test/test.mk
