# SPDX-License-Identifier: ISC
# pgbench in all three protocols. With -M prepared pgbench 15 prepares with a call that blocks the
# whole program, so in transactions it has no more clients than there are servers (with any pooler).
set -u
failed=0
bench=${PGBENCH-pgbench}
out=$TMPDIR/pgbench.out
echo "version $("$bench" --version | sed 's/[^0-9]*\([0-9.]*\).*/\1/')"

# check NAME COMMAND...
check() {
	local name=$1
	shift
	if "$@" >"$out" 2>&1; then
		echo "ok $name"
	else
		cat "$out"
		echo "FAILED $name: $(grep -iE 'error|failed|fatal' "$out" | tail -1)"
		failed=1
	fi
}

# run SCRIPT PROTOCOL CLIENTS
run() {
	"$bench" -n -b "$1" -M "$2" -c "$3" -j 2 -t 40 && grep -q 'failed transactions: 0' "$out"
}

protocols() {
	run select-only "$1" 8 && run simple-update "$1" "$2" && run tpcb-like "$1" "$2"
}

pipeline() {
	printf '\\startpipeline\nSELECT 1;\nSELECT abalance FROM pgbench_accounts WHERE aid = 1;\n\\endpipeline\n' \
		>"$TMPDIR/pipeline.sql"
	"$bench" -n -f "$TMPDIR/pipeline.sql" -M "$1" -c 4 -t 40 && grep -q 'failed transactions: 0' "$out"
}

check copy "$bench" -i -q -I dtgvp
check transaction protocols simple 8
check pool protocols extended 8
check prepare protocols prepared 2
check batch eval 'pipeline extended && pipeline prepared'
exit $failed
