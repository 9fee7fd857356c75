# SPDX-License-Identifier: ISC
# sysbench: prepared statements of a name a script, in transactions, of several threads.
set -u
failed=0
out=$TMPDIR/sysbench.out
echo "version $(sysbench --version | cut -d' ' -f2)"
options=(--db-driver=pgsql --pgsql-host="$PGHOST" --pgsql-port="$PGPORT" --pgsql-user="$PGUSER"
	--pgsql-password="$PGPASSWORD" --pgsql-db="$PGDATABASE" --tables=2 --table-size=500 --rand-seed=1)

# check NAME SCRIPT OPTION... COMMAND
check() {
	local name=$1
	shift
	if sysbench "${options[@]}" "$@" >"$out" 2>&1; then
		echo "ok $name"
	else
		cat "$out"
		echo "FAILED $name: $(grep -E 'FATAL|ERROR' "$out" | head -1)"
		failed=1
	fi
}

check batch oltp_common prepare
check prepare oltp_point_select --threads=8 --events=400 --time=30 run
check transaction oltp_read_write --threads=2 --events=60 --time=30 run
check pool oltp_read_only --threads=2 --events=60 --time=30 run
check fresh oltp_write_only --threads=2 --events=60 --time=30 run
exit $failed
