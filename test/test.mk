# The targets that need nothing installed by hand: they install what is missing themselves.
# `make test-regress REGRESS="claim queue"`, and likewise ISOLATION, TAP, PGTAP, UNIT, choose by name.
.PHONY: deps demo test check-boundary
deps:
	@test/lib/deps

demo:
	@examples/demo/demo.sh

test:
	@test/run

test-%:
	@test/run $*

check-boundary:
	@test/run boundary
