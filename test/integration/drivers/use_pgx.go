// SPDX-License-Identifier: ISC

// pgx: named statements for everything (lrupsc_…), batches, COPY, cancel by context, its pool.
package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"sync"
	"time"

	"github.com/jackc/pgconn"
	"github.com/jackc/pgx/v4"
	"github.com/jackc/pgx/v4/pgxpool"
)

const kill = "SELECT count(pg_terminate_backend(pid, 5000)) FROM pg_stat_activity WHERE usename = current_user" +
	" AND datname = current_database() AND pid <> pg_backend_pid()"

var ctx = context.Background()
var failed = false

func must(err error) {
	if err != nil {
		panic(err)
	}
}

func same(got, wanted interface{}) {
	if got != wanted {
		panic(fmt.Errorf("got %v, not %v", got, wanted))
	}
}

func refused(err error, code string) {
	var state *pgconn.PgError
	if !errors.As(err, &state) || state.Code != code {
		panic(fmt.Errorf("not refused with %s: %v", code, err))
	}
}

func check(name string, work func()) {
	defer func() {
		if why := recover(); why != nil {
			failed = true
			fmt.Println("FAILED "+name+":", strings.Join(strings.Fields(fmt.Sprint(why)), " "))
		} else {
			fmt.Println("ok " + name)
		}
	}()
	work()
}

func open(options ...string) *pgx.Conn {
	conn, err := pgx.Connect(ctx, strings.Join(options, " "))
	must(err)
	return conn
}

type querier interface {
	QueryRow(context.Context, string, ...interface{}) pgx.Row
}

func number(from querier, sql string, args ...interface{}) int {
	var n int
	must(from.QueryRow(ctx, sql, args...).Scan(&n))
	return n
}

func run(conn *pgx.Conn, sql string, args ...interface{}) {
	_, err := conn.Exec(ctx, sql, args...)
	must(err)
}

func reconnect() {
	must(exec.Command(os.Getenv("CONSOLE"), "RECONNECT").Run())
}

// atOnce runs work(0), work(1), … at the same time; the first panic is passed on.
func atOnce(count int, work func(int)) {
	var group sync.WaitGroup
	errs := make(chan interface{}, count)
	for n := 0; n < count; n++ {
		group.Add(1)
		go func(n int) {
			defer group.Done()
			defer func() {
				if why := recover(); why != nil {
					errs <- why
				}
			}()
			work(n)
		}(n)
	}
	group.Wait()
	select {
	case why := <-errs:
		panic(why)
	default:
	}
}

func types() {
	conn := open()
	defer conn.Close(ctx)
	at := time.Date(2024, 2, 29, 1, 2, 3, 4000, time.UTC)
	var date, gotAt time.Time
	var numeric, text, json string
	var numbers []int32
	var raw []byte
	var null *int
	must(conn.QueryRow(ctx, "SELECT $1::date, $2::numeric::text, $3::int[], $4::text, $5::jsonb::text, $6::bytea,"+
		" $7::int, $8::timestamptz", at, "12345678901234567890.123", []int32{1, 2}, "Grüße, 世界 🐘",
		`{"a": [1, null]}`, []byte("\x00\xff\\'"), nil, at).
		Scan(&date, &numeric, &numbers, &text, &json, &raw, &null, &gotAt))
	same(date.Format("2006-01-02"), "2024-02-29")
	same(numeric, "12345678901234567890.123")
	same(len(numbers), 2)
	same(text, "Grüße, 世界 🐘")
	same(json, `{"a": [1, null]}`)
	same(string(raw), "\x00\xff\\'")
	same(null, (*int)(nil))
	same(gotAt.Equal(at), true)
}

func prepare() {
	for _, mode := range []string{"statement_cache_mode=prepare statement_cache_capacity=3",
		"statement_cache_mode=describe", "statement_cache_capacity=0"} {
		one, two := open(mode), open(mode)
		for n := 0; n < 20; n++ {
			same(number(one, "SELECT $1::int * 2", n), 2*n)
			same(number(two, "SELECT $1::int * 2", n), 2*n)
			same(number(two, fmt.Sprintf("SELECT %d + $1::int", n), 1), n+1)
		}
		if mode != "statement_cache_mode=describe" {
			_, err := one.Prepare(ctx, "own", "SELECT $1::int * 3")
			must(err)
			same(number(one, "own", 5), 15)
			must(one.Deallocate(ctx, "own"))
		}
		must(one.Close(ctx))
		must(two.Close(ctx))
	}
	config, err := pgx.ParseConfig("")
	must(err)
	config.PreferSimpleProtocol = true
	conn, err := pgx.ConnectConfig(ctx, config)
	must(err)
	same(number(conn, "SELECT $1::int * 2", 4), 8)
	must(conn.Close(ctx))
}

func transaction() {
	conn := open()
	defer conn.Close(ctx)
	run(conn, "CREATE TABLE tx (i int PRIMARY KEY)")
	for n := 0; n < 10; n++ {
		tx, err := conn.BeginTx(ctx, pgx.TxOptions{IsoLevel: pgx.Serializable})
		must(err)
		_, err = tx.Exec(ctx, "INSERT INTO tx VALUES ($1)", n)
		must(err)
		inner, err := tx.Begin(ctx)
		must(err)
		_, err = inner.Exec(ctx, "INSERT INTO tx VALUES ($1)", n)
		refused(err, "23505")
		must(inner.Rollback(ctx))
		if n%2 == 0 {
			_, err = tx.Exec(ctx, "SELECT 1 / $1::int", 0)
			refused(err, "22012")
			_, err = tx.Exec(ctx, "SELECT 1")
			refused(err, "25P02")
			must(tx.Rollback(ctx))
		} else {
			must(tx.Commit(ctx))
		}
	}
	same(number(conn, "SELECT count(*) FROM tx"), 5)
}

func batch() {
	conn := open()
	defer conn.Close(ctx)
	run(conn, "CREATE TABLE batch (i int PRIMARY KEY)")
	many := &pgx.Batch{}
	for n := 0; n < 300; n++ {
		many.Queue("INSERT INTO batch VALUES ($1)", n)
	}
	many.Queue("SELECT count(*) FROM batch")
	results := conn.SendBatch(ctx, many)
	for n := 0; n < 300; n++ {
		_, err := results.Exec()
		must(err)
	}
	var count int
	must(results.QueryRow().Scan(&count))
	same(count, 300)
	must(results.Close())
	bad := &pgx.Batch{}
	for _, n := range []int{301, 1, 302} {
		bad.Queue("INSERT INTO batch VALUES ($1)", n)
	}
	refused(conn.SendBatch(ctx, bad).Close(), "23505")
	same(number(conn, "SELECT count(*) FROM batch"), 300)
}

func copying() {
	conn := open()
	defer conn.Close(ctx)
	run(conn, "CREATE TABLE copied (i int, line text)")
	rows := make([][]interface{}, 5000)
	for n := range rows {
		rows[n] = []interface{}{n, "some text of a line"}
	}
	copied, err := conn.CopyFrom(ctx, pgx.Identifier{"copied"}, []string{"i", "line"}, pgx.CopyFromRows(rows))
	must(err)
	same(copied, int64(5000))
	var out bytes.Buffer
	_, err = conn.PgConn().CopyTo(ctx, &out, "COPY copied TO STDOUT")
	must(err)
	same(bytes.Count(out.Bytes(), []byte("\n")), 5000)
	_, err = conn.PgConn().CopyFrom(ctx, strings.NewReader("x\ty\n"), "COPY copied FROM STDIN")
	refused(err, "22P02")
	same(number(conn, "SELECT count(*) FROM copied"), 5000)
}

func cursor() {
	conn := open()
	defer conn.Close(ctx)
	tx, err := conn.Begin(ctx)
	must(err)
	_, err = tx.Exec(ctx, "DECLARE many CURSOR FOR SELECT generate_series(1, 5000)")
	must(err)
	sum := 0
	for more := true; more; {
		rows, err := tx.Query(ctx, "FETCH 300 FROM many")
		must(err)
		more = false
		for rows.Next() {
			var n int
			must(rows.Scan(&n))
			sum += n
			more = true
		}
		must(rows.Err())
	}
	same(sum, 5000*5001/2)
	must(tx.Commit(ctx))
}

func cancel() {
	conn := open()
	for n := 0; n < 3; n++ {
		time.AfterFunc(200*time.Millisecond, func() { _ = conn.PgConn().CancelRequest(ctx) })
		_, err := conn.Exec(ctx, "SELECT pg_sleep(30)")
		refused(err, "57014")
		same(number(conn, "SELECT $1::int", n), n)
	}
	// By context: the driver closes the connection, in the background.
	short, stop := context.WithTimeout(ctx, 200*time.Millisecond)
	_, err := conn.Exec(short, "SELECT pg_sleep(30)")
	stop()
	same(err != nil && conn.IsClosed(), true)
	again := open()
	must(again.Ping(ctx))
	must(again.Close(ctx))
}

func listen() {
	conn, other := open("dbname="+os.Getenv("SESSION_DATABASE")), open()
	defer conn.Close(ctx)
	defer other.Close(ctx)
	run(conn, "LISTEN news")
	run(other, "NOTIFY news, 'hello'")
	limited, stop := context.WithTimeout(ctx, 10*time.Second)
	defer stop()
	heard, err := conn.WaitForNotification(limited)
	must(err)
	same(heard.Payload, "hello")
}

func pool() {
	several, err := pgxpool.Connect(ctx, "pool_max_conns=8 pool_min_conns=8")
	must(err)
	defer several.Close()
	_, err = several.Exec(ctx, "CREATE TABLE pooled (i int)")
	must(err)
	atOnce(8, func(worker int) {
		for n := 0; n < 20; n++ {
			same(number(several, "SELECT $1::int + $2::int", n, worker), n+worker)
			must(several.BeginFunc(ctx, func(tx pgx.Tx) error {
				_, err := tx.Exec(ctx, "INSERT INTO pooled VALUES ($1)", n)
				return err
			}))
		}
	})
	must(several.BeginFunc(ctx, func(tx pgx.Tx) error {
		same(number(tx, "SELECT count(*) FROM pooled"), 160)
		return nil
	}))
}

func fresh() {
	conn := open()
	defer conn.Close(ctx)
	run(conn, "CREATE TABLE fresh (i int)")
	for n := 0; n < 30; n++ {
		run(conn, "INSERT INTO fresh VALUES ($1)", n)
		same(number(conn, "SELECT count(*) FROM fresh WHERE i >= $1", 0), n+1)
	}
}

func columns(conn *pgx.Conn) (int, error) {
	rows, err := conn.Query(ctx, "SELECT * FROM changing")
	must(err)
	defer rows.Close()
	if !rows.Next() {
		return 0, rows.Err()
	}
	values, err := rows.Values()
	return len(values), err
}

// The driver notices at the error of the first call after the change and prepares anew at the next one.
func ddl() {
	one, two := open(), open()
	defer one.Close(ctx)
	defer two.Close(ctx)
	run(one, "CREATE TABLE changing (i int)")
	run(one, "INSERT INTO changing VALUES (1)")
	for _, conn := range []*pgx.Conn{one, two} {
		got, err := columns(conn)
		must(err)
		same(got, 1)
	}
	run(one, "ALTER TABLE changing ADD COLUMN j int DEFAULT 2")
	for _, conn := range []*pgx.Conn{one, two} {
		got, err := columns(conn)
		if err != nil {
			refused(err, "0A000")
			got, err = columns(conn)
			must(err)
		}
		same(got, 2)
	}
}

func lost() {
	several, err := pgxpool.Connect(ctx, "pool_max_conns=4 pool_min_conns=4")
	must(err)
	defer several.Close()
	killer := open()
	defer killer.Close(ctx)
	for round := 0; round < 3; round++ {
		atOnce(4, func(int) { same(number(several, "SELECT $1::int", 1), 1) })
		number(killer, kill)
		atOnce(4, func(int) { same(number(several, "SELECT $1::int", 1), 1) })
	}
	conn := open()
	defer conn.Close(ctx)
	tx, err := conn.Begin(ctx)
	must(err)
	_, err = tx.Exec(ctx, "INSERT INTO tx VALUES (111)")
	must(err)
	number(killer, kill)
	_, err = tx.Exec(ctx, "INSERT INTO tx VALUES (112)")
	refused(err, "08006")
	must(tx.Rollback(ctx))
	same(number(conn, "SELECT count(*) FROM tx WHERE i > 110"), 0)
}

func reconnecting() {
	several, err := pgxpool.Connect(ctx, "pool_max_conns=4 pool_min_conns=4")
	must(err)
	defer several.Close()
	for n := 0; n < 3; n++ {
		reconnect()
		atOnce(4, func(int) { same(number(several, "SELECT $1::int", 1), 1) })
	}
}

func admin() {
	conn := open("dbname=pgweir user=admin password=" + os.Getenv("ADMIN_PASSWORD"))
	defer conn.Close(ctx)
	rows, err := conn.Query(ctx, "SHOW POOLS")
	must(err)
	defer rows.Close()
	same(rows.Next(), true)
	same(string(rows.FieldDescriptions()[0].Name), "database")
}

func main() {
	fmt.Println("version", os.Getenv("DRIVER_VERSION"))
	check("login", func() {
		var user string
		conn := open()
		must(conn.QueryRow(ctx, "SELECT current_user::text").Scan(&user))
		same(user, os.Getenv("PGUSER"))
		must(conn.Close(ctx))
	})
	check("types", types)
	check("prepare", prepare)
	check("transaction", transaction)
	check("batch", batch)
	check("copy", copying)
	check("cursor", cursor)
	check("cancel", cancel)
	check("listen", listen)
	check("pool", pool)
	check("fresh", fresh)
	check("ddl", ddl)
	check("lost", lost)
	check("reconnect", reconnecting)
	check("admin", admin)
	if failed {
		os.Exit(1)
	}
}
