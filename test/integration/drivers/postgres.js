// SPDX-License-Identifier: ISC
// postgres.js: named statements of its own for everything.
'use strict';
const assert = require('assert');
const postgres = require('postgres');

async function main() {
	const sql = postgres({
		host: process.env.PGHOST, port: +process.env.PGPORT, user: 'app', database: 'app',
		ssl: false, max: 8, onnotice: () => {},
	});
	await sql`CREATE TABLE t (i int, line text)`;
	await Promise.all([...Array(8).keys()].map(async (number) => {
		for (let n = 0; n < 20; n++) {
			const [row] = await sql`SELECT ${n}::int + ${number}::int AS s`;
			assert.strictEqual(row.s, n + number);
			await sql.begin(async (tx) => {
				await tx`INSERT INTO t VALUES (${number}, ${'x' + n})`;
				const [own] = await tx`SELECT count(*)::int AS n FROM t WHERE i = ${number}`;
				assert.strictEqual(own.n, n + 1);
			});
			await assert.rejects(async () => sql`SELECT 1 / ${0}::int`, { code: '22012' });
		}
	}));
	const pipelined = await Promise.all([...Array(100).keys()].map((n) => sql`SELECT ${n}::int AS n`));
	pipelined.forEach(([row], n) => assert.strictEqual(row.n, n));
	const [{ n }] = await sql`SELECT count(*)::int AS n FROM t`;
	assert.strictEqual(n, 160);
	const slow = sql`SELECT pg_sleep(30)`.execute();
	setTimeout(() => slow.cancel(), 300);
	await assert.rejects(async () => slow, { code: '57014' });
	assert.strictEqual((await sql`SELECT 1 AS one`)[0].one, 1);
	await sql.end();
	console.log('ok');
}

main().catch((error) => { console.error(error); process.exit(1); });
