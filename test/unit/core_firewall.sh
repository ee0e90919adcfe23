#!/bin/sh
# The core knows neither server nor clock, and starts nothing when it is loaded:
# core_firewall.sh LIBRARY fails with the symbols that say otherwise.
set -eu

symbols=$(nm "$1")
forbidden='palloc|errstart|errfinish|SPI_|_clock3now|clock_gettime|random_device|_GLOBAL__sub_I|_GLOBAL__I'

if printf '%s\n' "$symbols" | grep -E " [A-Za-z] .*($forbidden)"; then
  echo "the core must not use these" >&2
  exit 1
fi
