// SPDX-License-Identifier: ISC
// pgx and lib/pq on the console; the latter asks what pgbouncer_exporter does.
package main

import (
	"context"
	"database/sql"
	"fmt"
	"log"
	"os"
	"strings"

	"github.com/jackc/pgconn"
	"github.com/jackc/pgx/v4"
	_ "github.com/lib/pq"
)

func dsn() string {
	return "postgres://admin@127.0.0.1:" + os.Getenv("PGPORT") + "/pgbouncer?sslmode=disable"
}

// All columns of all rows, by name.
func scrape(db *sql.DB, query string) []map[string]string {
	rows, err := db.Query(query)
	if err != nil {
		log.Fatal(query, ": ", err)
	}
	defer rows.Close()
	names, err := rows.Columns()
	if err != nil {
		log.Fatal(err)
	}
	var all []map[string]string
	for rows.Next() {
		values := make([]sql.NullString, len(names))
		places := make([]interface{}, len(names))
		for i := range values {
			places[i] = &values[i]
		}
		if err := rows.Scan(places...); err != nil {
			log.Fatal(query, ": ", err)
		}
		row := map[string]string{}
		for i, name := range names {
			row[name] = values[i].String
		}
		all = append(all, row)
	}
	if rows.Err() != nil {
		log.Fatal(rows.Err())
	}
	return all
}

func exporter() {
	db, err := sql.Open("postgres", dsn())
	if err != nil {
		log.Fatal(err)
	}
	defer db.Close()
	if err := db.Ping(); err != nil {
		log.Fatal("ping: ", err)
	}
	for _, query := range []string{"SHOW STATS;", "SHOW POOLS;", "SHOW DATABASES;", "SHOW LISTS;",
		"SHOW CONFIG;", "SHOW VERSION;", "SHOW CLIENTS;"} {
		if len(scrape(db, query)) == 0 {
			log.Fatal(query, ": no rows")
		}
	}
	for _, row := range scrape(db, "SHOW DATABASES;") {
		if row["name"] == "app" && row["pool_size"] != "20" {
			log.Fatal(row)
		}
	}
	found := map[string]bool{}
	for _, row := range scrape(db, "SHOW CONFIG;") {
		found[row["key"]] = row["value"] != ""
	}
	if !found["max_client_conn"] || !found["max_user_connections"] {
		log.Fatal(found)
	}
	if len(strings.Fields(scrape(db, "SHOW VERSION;")[0]["version"])) != 2 {
		log.Fatal("version")
	}
}

func look(simple bool) {
	ctx := context.Background()
	config, err := pgx.ParseConfig(dsn())
	if err != nil {
		log.Fatal(err)
	}
	config.PreferSimpleProtocol = simple
	conn, err := pgx.ConnectConfig(ctx, config)
	if err != nil {
		log.Fatal(err)
	}
	defer conn.Close(ctx)
	for n := 0; n < 3; n++ {
		rows, err := conn.Query(ctx, "SHOW DATABASES")
		if err != nil {
			log.Fatal(err)
		}
		for rows.Next() {
			if values, err := rows.Values(); err != nil || len(values) != 17 {
				log.Fatal(values, err)
			}
		}
		if rows.Err() != nil {
			log.Fatal(rows.Err())
		}
	}
	if _, err := conn.Exec(ctx, "RELOAD"); err != nil {
		log.Fatal(err)
	}
	_, err = conn.Exec(ctx, "PAUSE nowhere")
	if refused, ok := err.(*pgconn.PgError); !ok || refused.Code != "08P01" {
		log.Fatal(err)
	}
	if err := conn.Ping(ctx); err != nil {
		log.Fatal(err)
	}
}

func main() {
	exporter()
	look(false)
	look(true)
	fmt.Println("ok")
}
