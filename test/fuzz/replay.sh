#!/bin/sh
# SPDX-License-Identifier: ISC
# Replays the seeds of every fuzz target; make check runs it in the build folder.
srcdir=${srcdir:-.}
: "${fuzz_targets=}"
failed=0
passed=0
for target in $fuzz_targets; do
	if "test/fuzz/replay_$target" "$srcdir/test/fuzz/seeds/$target"; then
		passed=$((passed + 1))
	else
		echo "fuzz target $target: a seed failed" >&2
		failed=$((failed + 1))
	fi
done
echo "fuzz: $passed passed, $failed failed"
[ $failed -eq 0 ]
