// SPDX-License-Identifier: ISC

// pgx v4: named statements for everything, batches, COPY, cancel by context.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"sync"
	"time"

	"github.com/jackc/pgconn"
	"github.com/jackc/pgx/v4"
)

func check(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func open() *pgx.Conn {
	conn, err := pgx.Connect(context.Background(), "")
	check(err)
	return conn
}

func work(number int) {
	ctx := context.Background()
	conn := open()
	defer conn.Close(ctx)
	for n := 0; n < 20; n++ {
		var sum int
		check(conn.QueryRow(ctx, "SELECT $1::int + $2::int", n, number).Scan(&sum))
		if sum != n+number {
			check(errors.New("wrong sum"))
		}
		tx, err := conn.Begin(ctx)
		check(err)
		batch := &pgx.Batch{}
		for i := 0; i < 5; i++ {
			batch.Queue("INSERT INTO t VALUES ($1, $2)", number, fmt.Sprint("line ", i))
		}
		check(tx.SendBatch(ctx, batch).Close())
		if n%4 == 0 {
			check(tx.Rollback(ctx))
		} else {
			check(tx.Commit(ctx))
		}
		var code *pgconn.PgError
		if _, err := conn.Exec(ctx, "SELECT 1 / $1::int", 0); !errors.As(err, &code) || code.Code != "22012" {
			check(fmt.Errorf("no division by zero: %v", err))
		}
	}
}

func main() {
	ctx := context.Background()
	conn := open()
	_, err := conn.Exec(ctx, "CREATE TABLE t (i int, line text)")
	check(err)
	var group sync.WaitGroup
	for n := 0; n < 6; n++ {
		group.Add(1)
		go func(number int) { work(number); group.Done() }(n)
	}
	group.Wait()
	rows := [][]interface{}{{1, "a"}, {2, "b"}}
	copied, err := conn.CopyFrom(ctx, pgx.Identifier{"t"}, []string{"i", "line"}, pgx.CopyFromRows(rows))
	check(err)
	var count int64
	check(conn.QueryRow(ctx, "SELECT count(*) FROM t").Scan(&count))
	if count != 6*15*5+copied {
		check(fmt.Errorf("count %d", count))
	}
	short, stop := context.WithTimeout(ctx, 200*time.Millisecond)
	_, err = conn.Exec(short, "SELECT pg_sleep(30)")
	stop()
	if err == nil {
		check(errors.New("not cancelled"))
	}
	conn.Close(ctx)
	conn = open()
	check(conn.Ping(ctx))
	conn.Close(ctx)
	fmt.Println("ok")
}
