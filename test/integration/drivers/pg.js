// SPDX-License-Identifier: ISC
// node-postgres, with named statements.
'use strict';
const assert = require('assert');
const { Client, Pool } = require('pg');

async function main() {
	const pool = new Pool({ max: 8 });
	await pool.query('CREATE TABLE t (i int, line text)');
	await Promise.all([...Array(8).keys()].map(async (number) => {
		const client = await pool.connect();
		for (let n = 0; n < 20; n++) {
			const sum = await client.query({ name: 'sum', text: 'SELECT $1::int + $2::int AS s', values: [n, number] });
			assert.strictEqual(sum.rows[0].s, n + number);
			await client.query('BEGIN');
			await client.query({ name: 'add', text: 'INSERT INTO t VALUES ($1, $2)', values: [number, 'x' + n] });
			await client.query(n % 4 ? 'COMMIT' : 'ROLLBACK');
			await assert.rejects(client.query('SELECT 1 / $1::int', [0]), { code: '22012' });
		}
		client.release();
	}));
	const count = await pool.query('SELECT count(*)::int AS n FROM t; SELECT 1 AS one');
	assert.strictEqual(count[0].rows[0].n, 8 * 15);
	await pool.end();
	const client = new Client();
	await client.connect();
	assert.strictEqual((await client.query('SELECT 1 AS one')).rows[0].one, 1);
	await client.end();
	console.log('ok');
}

main().catch((error) => { console.error(error); process.exit(1); });
