// SPDX-License-Identifier: ISC

// lib/pq through database/sql: unnamed statements, named ones where prepared, COPY, LISTEN, its pool.
package main

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"sync"
	"time"

	"github.com/lib/pq"
)

const kill = "SELECT count(pg_terminate_backend(pid, 5000)) FROM pg_stat_activity WHERE usename = current_user" +
	" AND datname = current_database() AND pid <> pg_backend_pid()"

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
	var state *pq.Error
	if !errors.As(err, &state) || string(state.Code) != code {
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

func open(size int, options ...string) *sql.DB {
	db, err := sql.Open("postgres", "sslmode=disable "+strings.Join(options, " "))
	must(err)
	db.SetMaxOpenConns(size)
	db.SetMaxIdleConns(size)
	return db
}

type querier interface {
	QueryRow(string, ...interface{}) *sql.Row
}

func number(from querier, query string, args ...interface{}) int {
	var n int
	must(from.QueryRow(query, args...).Scan(&n))
	return n
}

func run(db *sql.DB, query string, args ...interface{}) {
	_, err := db.Exec(query, args...)
	must(err)
}

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
	for _, mode := range []string{"", "binary_parameters=yes"} {
		db := open(1, mode)
		var date time.Time
		var numeric, text, json string
		var numbers []int64
		var raw []byte
		var null sql.NullInt64
		must(db.QueryRow("SELECT $1::date, $2::numeric, $3::int[], $4::text, $5::jsonb, $6::bytea, $7::int",
			"2024-02-29", "12345678901234567890.123", pq.Array([]int64{1, 2}), "Grüße, 世界 🐘",
			`{"a": [1, null]}`, []byte("\x00\xff\\'"), nil).
			Scan(&date, &numeric, pq.Array(&numbers), &text, &json, &raw, &null))
		same(date.Format("2006-01-02"), "2024-02-29")
		same(numeric, "12345678901234567890.123")
		same(len(numbers), 2)
		same(text, "Grüße, 世界 🐘")
		same(json, `{"a": [1, null]}`)
		same(string(raw), "\x00\xff\\'")
		same(null.Valid, false)
		must(db.Close())
	}
}

func prepare() {
	db := open(6)
	defer db.Close()
	double, err := db.Prepare("SELECT $1::int * 2")
	must(err)
	atOnce(6, func(int) {
		for n := 0; n < 20; n++ {
			var got int
			must(double.QueryRow(n).Scan(&got))
			same(got, 2*n)
			other, err := db.Prepare(fmt.Sprintf("SELECT %d + $1::int", n))
			must(err)
			must(other.QueryRow(1).Scan(&got))
			same(got, n+1)
			must(other.Close())
		}
	})
	must(double.Close())
}

func transaction() {
	db := open(2)
	defer db.Close()
	run(db, "CREATE TABLE tx (i int PRIMARY KEY)")
	for n := 0; n < 10; n++ {
		tx, err := db.BeginTx(context.Background(), &sql.TxOptions{Isolation: sql.LevelSerializable})
		must(err)
		_, err = tx.Exec("INSERT INTO tx VALUES ($1)", n)
		must(err)
		_, err = tx.Exec("SAVEPOINT s")
		must(err)
		_, err = tx.Exec("INSERT INTO tx VALUES ($1)", n)
		refused(err, "23505")
		_, err = tx.Exec("ROLLBACK TO s")
		must(err)
		if n%2 == 0 {
			_, err = tx.Exec("SELECT 1 / $1::int", 0)
			refused(err, "22012")
			_, err = tx.Exec("SELECT 1")
			refused(err, "25P02")
			must(tx.Rollback())
		} else {
			must(tx.Commit())
		}
	}
	same(number(db, "SELECT count(*) FROM tx"), 5)
}

func copying() {
	db := open(1)
	defer db.Close()
	run(db, "CREATE TABLE copied (i int, line text)")
	tx, err := db.Begin()
	must(err)
	lines, err := tx.Prepare(pq.CopyIn("copied", "i", "line"))
	must(err)
	for n := 0; n < 5000; n++ {
		_, err = lines.Exec(n, "some text of a line")
		must(err)
	}
	_, err = lines.Exec()
	must(err)
	must(lines.Close())
	must(tx.Commit())
	same(number(db, "SELECT count(*) FROM copied"), 5000)
}

func batch() {
	db := open(1)
	defer db.Close()
	run(db, "CREATE TABLE batch (i int); INSERT INTO batch VALUES (1); INSERT INTO batch VALUES (2)")
	rows, err := db.Query("SELECT i FROM batch ORDER BY i; SELECT 7")
	must(err)
	defer rows.Close()
	sum := 0
	for more := true; more; more = rows.NextResultSet() {
		for rows.Next() {
			var n int
			must(rows.Scan(&n))
			sum += n
		}
	}
	same(sum, 10)
}

func cursor() {
	db := open(1)
	defer db.Close()
	tx, err := db.Begin()
	must(err)
	_, err = tx.Exec("DECLARE many CURSOR FOR SELECT generate_series(1, 5000)")
	must(err)
	sum := 0
	for more := true; more; {
		rows, err := tx.Query("FETCH 300 FROM many")
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
	must(tx.Commit())
}

func cancel() {
	db := open(1)
	defer db.Close()
	for n := 0; n < 3; n++ {
		short, stop := context.WithTimeout(context.Background(), 200*time.Millisecond)
		_, err := db.ExecContext(short, "SELECT pg_sleep(30)")
		stop()
		refused(err, "57014")
		same(number(db, "SELECT $1::int", n), n)
	}
}

func listen() {
	db := open(1)
	defer db.Close()
	listener := pq.NewListener("sslmode=disable dbname="+os.Getenv("SESSION_DATABASE"), time.Second, time.Minute, nil)
	defer listener.Close()
	must(listener.Listen("news"))
	run(db, "NOTIFY news, 'hello'")
	select {
	case heard := <-listener.Notify:
		same(heard.Extra, "hello")
	case <-time.After(10 * time.Second):
		panic("nothing heard")
	}
}

func pool() {
	for _, mode := range []string{"", "binary_parameters=yes"} {
		db := open(8, mode)
		run(db, "DROP TABLE IF EXISTS pooled; CREATE TABLE pooled (i int)")
		atOnce(8, func(worker int) {
			for n := 0; n < 20; n++ {
				same(number(db, "SELECT $1::int + $2::int", n, worker), n+worker)
				tx, err := db.Begin()
				must(err)
				_, err = tx.Exec("INSERT INTO pooled VALUES ($1)", n)
				must(err)
				must(tx.Commit())
			}
		})
		tx, err := db.Begin()
		must(err)
		same(number(tx, "SELECT count(*) FROM pooled"), 160)
		must(tx.Commit())
		must(db.Close())
	}
}

func fresh() {
	db := open(1)
	defer db.Close()
	run(db, "CREATE TABLE fresh (i int)")
	for n := 0; n < 30; n++ {
		run(db, "INSERT INTO fresh VALUES ($1)", n)
		same(number(db, "SELECT count(*) FROM fresh WHERE i >= $1", 0), n+1)
	}
}

func ddl() {
	db := open(2)
	defer db.Close()
	run(db, "CREATE TABLE changing (i int); INSERT INTO changing VALUES (1)")
	old, err := db.Prepare("SELECT * FROM changing")
	must(err)
	must(old.QueryRow().Scan(new(int)))
	run(db, "ALTER TABLE changing ADD COLUMN j int DEFAULT 2")
	// What was described when it was prepared fails, with PostgreSQL too; what is prepared now does not.
	_, err = old.Query()
	refused(err, "0A000")
	all, err := db.Prepare("SELECT * FROM changing")
	must(err)
	var i, j int
	must(all.QueryRow().Scan(&i, &j))
	same(i+j, 3)
}

func lost() {
	db, killer := open(4), open(1)
	defer db.Close()
	defer killer.Close()
	one, err := db.Prepare("SELECT $1::int")
	must(err)
	for round := 0; round < 3; round++ {
		atOnce(4, func(int) { must(one.QueryRow(1).Scan(new(int))) })
		number(killer, kill)
		atOnce(4, func(int) { must(one.QueryRow(1).Scan(new(int))) })
	}
	tx, err := db.Begin()
	must(err)
	_, err = tx.Exec("INSERT INTO tx VALUES (111)")
	must(err)
	number(killer, kill)
	_, err = tx.Exec("INSERT INTO tx VALUES (112)")
	refused(err, "08006")
	must(tx.Rollback())
	same(number(db, "SELECT count(*) FROM tx WHERE i > 110"), 0)
}

func reconnect() {
	db := open(4)
	defer db.Close()
	one, err := db.Prepare("SELECT $1::int")
	must(err)
	for n := 0; n < 3; n++ {
		must(exec.Command(os.Getenv("CONSOLE"), "RECONNECT").Run())
		atOnce(4, func(int) { must(one.QueryRow(1).Scan(new(int))) })
	}
}

func admin() {
	db := open(1, "dbname=pgweir user=admin password="+os.Getenv("ADMIN_PASSWORD"))
	defer db.Close()
	rows, err := db.Query("SHOW POOLS")
	must(err)
	defer rows.Close()
	columns, err := rows.Columns()
	must(err)
	same(columns[0], "database")
	same(rows.Next(), true)
}

func main() {
	fmt.Println("version", os.Getenv("DRIVER_VERSION"))
	check("login", func() {
		var user string
		db := open(1)
		must(db.QueryRow("SELECT current_user").Scan(&user))
		same(user, os.Getenv("PGUSER"))
		must(db.Close())
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
	check("reconnect", reconnect)
	check("admin", admin)
	if failed {
		os.Exit(1)
	}
}
