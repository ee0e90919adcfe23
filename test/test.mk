# The targets that need nothing installed by hand: they install what is missing themselves.
# `make test-regress REGRESS="claim queue"`, and likewise ISOLATION, TAP, PGTAP, UNIT, choose by name.
# `make bench BENCH="--size quick claim acquire"` chooses what is measured.
.PHONY: deps demo bench test check-boundary
deps:
	@test/lib/deps

demo:
	@examples/demo/demo.sh

bench:
	@bench/run $(BENCH)

test:
	@test/run

test-%:
	@test/run $*

check-boundary:
	@test/run boundary
