// SPDX-License-Identifier: ISC
// node pg and postgres.js on the console.
"use strict";
const assert = require("assert");
const { Client } = require("pg");
const postgres = require("postgres");

async function withPg() {
	const client = new Client({ host: "127.0.0.1", port: process.env.PGPORT, user: "admin",
		database: "pgbouncer", ssl: false, statement_timeout: 5000, application_name: "node" });
	await client.connect();
	const pools = await client.query("SHOW POOLS");
	assert.equal(pools.rows[0].database, "pgbouncer");
	assert.equal(typeof pools.rows[0].cl_active, "number");
	const named = { name: "databases", text: "SHOW DATABASES" };
	for (let n = 0; n < 3; n++)
		assert.equal((await client.query(named)).rows[0].pool_size, 20);
	await client.query("RELOAD");
	await assert.rejects(client.query("PAUSE nowhere"), { code: "08P01" });
	assert.equal((await client.query({ text: "SHOW VERSION", values: [] })).rowCount, null);
	await client.end();
}

async function withPostgres() {
	for (const prepare of [true, false]) {
		const sql = postgres({ host: "127.0.0.1", port: process.env.PGPORT, user: "admin",
			database: "pgbouncer", max: 1, prepare, fetch_types: false });
		assert.equal((await sql`SHOW DATABASES`)[0].pool_size, 20);
		assert.ok((await sql.unsafe("SHOW CONFIG")).length > 80);
		await assert.rejects(sql`NONSENSE`, { code: "08P01" });
		await sql.end();
	}
}

withPg().then(withPostgres).then(() => console.log("ok"), (error) => {
	console.error(error);
	process.exit(1);
});
