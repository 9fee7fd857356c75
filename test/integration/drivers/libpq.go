// SPDX-License-Identifier: ISC

// lib/pq through database/sql.
package main

import (
	"database/sql"
	"fmt"
	"os"
	"sync"

	"github.com/lib/pq"
)

func check(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func work(db *sql.DB, number int) {
	sum, err := db.Prepare("SELECT $1::int + $2::int")
	check(err)
	for n := 0; n < 20; n++ {
		var value int
		check(sum.QueryRow(n, number).Scan(&value))
		if value != n+number {
			check(fmt.Errorf("wrong sum"))
		}
		tx, err := db.Begin()
		check(err)
		_, err = tx.Exec("INSERT INTO t VALUES ($1, $2)", number, "line")
		check(err)
		if n%4 == 0 {
			check(tx.Rollback())
		} else {
			check(tx.Commit())
		}
		if _, err := db.Exec("SELECT 1 / $1::int", 0); err == nil || err.(*pq.Error).Code != "22012" {
			check(fmt.Errorf("no division by zero: %v", err))
		}
	}
	check(sum.Close())
}

func main() {
	db, err := sql.Open("postgres", "")
	check(err)
	_, err = db.Exec("CREATE TABLE t (i int, line text)")
	check(err)
	var group sync.WaitGroup
	for n := 0; n < 6; n++ {
		group.Add(1)
		go func(number int) { work(db, number); group.Done() }(n)
	}
	group.Wait()
	tx, err := db.Begin()
	check(err)
	copying, err := tx.Prepare(pq.CopyIn("t", "i", "line"))
	check(err)
	for n := 0; n < 100; n++ {
		_, err = copying.Exec(n, "copied")
		check(err)
	}
	_, err = copying.Exec()
	check(err)
	check(copying.Close())
	check(tx.Commit())
	var count int
	check(db.QueryRow("SELECT count(*) FROM t").Scan(&count))
	if count != 6*15+100 {
		check(fmt.Errorf("count %d", count))
	}
	check(db.Close())
	fmt.Println("ok")
}
