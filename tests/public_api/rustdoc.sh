#!/bin/sh
# A rustdoc that can write JSON. Only rustdoc gets the variable: build scripts look at it too, and would
# make cargo build all crates again.
RUSTC_BOOTSTRAP=1 exec rustdoc "$@"
