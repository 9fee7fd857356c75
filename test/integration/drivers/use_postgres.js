// SPDX-License-Identifier: ISC
// postgres.js: named statements of its own for everything, pipelined.
'use strict';
const assert = require('assert');
const postgres = require('postgres');
const { pipeline } = require('stream/promises');
const { Readable } = require('stream');
const { KILL, atOnce, check, consoleCommand, done, range, refused, sleep, versionOf } = require('./checks.js');

function open(options) {
	return postgres({ max: 1, onnotice: () => {}, ...options });
}

async function main() {
	console.log('version', versionOf('postgres'));

	await check('login', async () => {
		const sql = open();
		assert.strictEqual((await sql`SELECT current_user AS u`)[0].u, process.env.PGUSER);
		await sql.end();
	});

	await check('types', async () => {
		const sql = open();
		const given = ['12345678901234567890.123', [1, 2, 3], 'Grüße, 世界 🐘', true, { a: [1, null] }, null,
			Buffer.from([0, 255, 92, 39]), new Date('2024-02-29T01:02:03Z')];
		const [row] = await sql`SELECT ${given[0]}::numeric, ${given[1]}::int[], ${given[2]}::text, ${given[3]}::bool,
			${sql.json(given[4])}::jsonb, ${given[5]}::int, ${given[6]}::bytea, ${given[7]}::timestamptz`.values();
		assert.deepStrictEqual([...row], given);
		await sql.end();
	});

	await check('prepare', async () => {
		for (const prepare of [true, false]) {
			const all = range(6).map(() => open({ prepare }));
			for (const n of range(20)) {
				await Promise.all(all.map(async (sql) =>
					assert.strictEqual((await sql`SELECT ${n}::int * 2 AS d`)[0].d, 2 * n)));
				assert.strictEqual((await all[0].unsafe(`SELECT ${n} + $1::int AS s`, [1], { prepare }))[0].s, n + 1);
			}
			await Promise.all(all.map((sql) => sql.end()));
		}
	});

	await check('transaction', async () => {
		const sql = open();
		await sql`CREATE TABLE tx (i int PRIMARY KEY)`;
		for (const n of range(10)) {
			const work = sql.begin(async (tx) => {
				await tx`INSERT INTO tx VALUES (${n})`;
				await refused('23505', () => tx.savepoint((inner) => inner`INSERT INTO tx VALUES (${n})`));
				if (n % 2)
					await tx`SELECT 1 / ${0}::int`;
			});
			if (n % 2)
				await refused('22012', () => work);
			else
				await work;
		}
		assert.strictEqual((await sql`SELECT count(*)::int AS n FROM tx`)[0].n, 5);
		await sql.end();
	});

	await check('batch', async () => {
		const sql = open();
		await sql`CREATE TABLE batch (i int PRIMARY KEY, line text)`;
		await sql`INSERT INTO batch ${sql(range(500).map((i) => ({ i, line: 'x' })))}`;
		const rows = await Promise.all(range(200).map((n) => sql`SELECT ${n}::int AS n`));
		assert.deepStrictEqual(rows.map(([row]) => row.n), range(200));
		// Pipelined, one fails: the others do not mind.
		const settled = await Promise.allSettled([501, 1, 502].map((n) => sql`INSERT INTO batch VALUES (${n})`));
		assert.deepStrictEqual(settled.map((each) => each.status), ['fulfilled', 'rejected', 'fulfilled']);
		await sql.end();
	});

	await check('copy', async () => {
		const sql = open();
		await sql`CREATE TABLE copied (i int, line text)`;
		await pipeline(Readable.from(range(5000).map((n) => `${n}\tsome text of a line\n`)),
			await sql`COPY copied FROM STDIN`.writable());
		let lines = 0;
		for await (const chunk of await sql`COPY copied TO STDOUT`.readable())
			lines += chunk.toString().split('\n').length - 1;
		assert.strictEqual(lines, 5000);
		await sql.end();
	});

	await check('cursor', async () => {
		const sql = open();
		let sum = 0;
		for await (const rows of sql`SELECT generate_series(1, ${5000}::int) AS n`.cursor(300))
			sum += rows.reduce((total, row) => total + row.n, 0);
		assert.strictEqual(sum, 5000 * 5001 / 2);
		await sql.end();
	});

	await check('cancel', async () => {
		const sql = open();
		for (const n of range(3)) {
			const slow = sql`SELECT pg_sleep(30)`.execute();
			await sleep(200);
			slow.cancel();
			await refused('57014', () => slow);
			assert.strictEqual((await sql`SELECT ${n}::int AS n`)[0].n, n);
		}
		await sql.end();
	});

	await check('listen', async () => {
		const session = open({ database: process.env.SESSION_DATABASE });
		const sql = open();
		let tell;
		const heard = new Promise((then) => { tell = then; });
		await session.listen('news', tell);
		await sql.notify('news', 'hello');
		assert.strictEqual(await heard, 'hello');
		await session.end();
		await sql.end();
	});

	await check('pool', async () => {
		const sql = open({ max: 8 });
		await sql`CREATE TABLE pooled (i int)`;
		await atOnce(8, async (number) => {
			for (const n of range(20)) {
				assert.strictEqual((await sql`SELECT ${n}::int + ${number}::int AS s`)[0].s, n + number);
				await sql.begin((tx) => tx`INSERT INTO pooled VALUES (${n})`);
			}
		});
		await sql.begin(async (tx) =>
			assert.strictEqual((await tx`SELECT count(*)::int AS n FROM pooled`)[0].n, 160));
		await sql.end();
	});

	await check('fresh', async () => {
		const sql = open();
		await sql`CREATE TABLE fresh (i int)`;
		for (const n of range(30)) {
			await sql`INSERT INTO fresh VALUES (${n})`;
			assert.strictEqual((await sql`SELECT count(*)::int AS n FROM fresh WHERE i >= ${0}`)[0].n, n + 1);
		}
		await sql.end();
	});

	await check('ddl', async () => {
		const all = range(3).map(() => open());
		await all[0].unsafe('CREATE TABLE changing (i int); INSERT INTO changing VALUES (1)');
		for (const sql of all)
			assert.deepStrictEqual({ ...(await sql`SELECT * FROM changing`)[0] }, { i: 1 });
		await all[0]`ALTER TABLE changing ADD COLUMN j int DEFAULT 2`;
		for (const sql of all)
			assert.deepStrictEqual((await sql`SELECT * FROM changing`).length, 1);
		await Promise.all(all.map((sql) => sql.end()));
	});

	await check('lost', async () => {
		const sql = open({ max: 4 });
		const killer = open();
		for (let round = 0; round < 3; round++) {
			await atOnce(8, () => sql`SELECT ${1}::int`);
			await killer.unsafe(KILL);
			await atOnce(8, () => sql`SELECT ${1}::int`);
		}
		await refused('08006', () => sql.begin(async (tx) => {
			await tx`INSERT INTO tx VALUES (111)`;
			await killer.unsafe(KILL);
			await tx`INSERT INTO tx VALUES (112)`;
		}));
		assert.strictEqual((await sql`SELECT count(*)::int AS n FROM tx WHERE i > 110`)[0].n, 0);
		await sql.end();
		await killer.end();
	});

	await check('reconnect', async () => {
		const sql = open({ max: 4 });
		for (let round = 0; round < 3; round++) {
			consoleCommand('RECONNECT');
			await atOnce(8, () => sql`SELECT ${1}::int`);
		}
		await sql.end();
	});

	await check('admin', async () => {
		const sql = open({ database: 'pgweir', username: 'admin', password: process.env.ADMIN_PASSWORD, fetch_types: false });
		assert('cl_active' in (await sql.unsafe('SHOW POOLS'))[0]);
		await sql.end();
	});
	done();
}

main();
