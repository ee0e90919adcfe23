# The targets that need nothing installed by hand: they install what is missing themselves.
# `make test-regress REGRESS="claim queue"`, and likewise ISOLATION, TAP, PGTAP, UNIT, choose by name.
.PHONY: deps test check-boundary
deps:
	@test/lib/deps

test:
	@test/run

test-%:
	@test/run $*

check-boundary:
	@test/run boundary
