// SPDX-License-Identifier: ISC
// node-postgres: unnamed statements, named ones if a name is given, its pool, cursors, COPY.
'use strict';
const assert = require('assert');
const { Client, Pool } = require('pg');
const Cursor = require('pg-cursor');
const { from, to } = require('pg-copy-streams');
const { pipeline } = require('stream/promises');
const { Readable } = require('stream');
const { KILL, atOnce, check, consoleCommand, done, range, refused, sleep, versionOf } = require('./checks.js');

async function open(options) {
	const client = new Client(options);
	await client.connect();
	return client;
}

async function value(on, text, values, name) {
	const result = await on.query({ text, values, name });
	return result.rows[0][result.fields[0].name];
}

async function main() {
	console.log('version', versionOf('pg'));

	await check('login', async () => {
		const client = await open();
		assert.strictEqual(await value(client, 'SELECT current_user'), process.env.PGUSER);
		await client.end();
		await refused('28P01', () => open({ password: 'wrong' }));
	});

	await check('types', async () => {
		const client = await open();
		const given = ['12345678901234567890.123', [1, 2, null], 'Grüße, 世界 🐘', true, { a: [1, null] }, null,
			Buffer.from([0, 255, 92, 39]), new Date('2024-02-29T01:02:03Z')];
		const result = await client.query({
			text: 'SELECT $1::numeric, $2::int[], $3::text, $4::bool, $5::jsonb, $6::int, $7::bytea, $8::timestamptz',
			values: given, rowMode: 'array' });
		assert.deepStrictEqual(result.rows[0], given);
		await client.end();
	});

	await check('prepare', async () => {
		const clients = await atOnce(6, () => open());
		for (const n of range(20)) {
			await Promise.all(clients.map(async (client) =>
				assert.strictEqual(await value(client, 'SELECT $1::int * 2', [n], 'double'), 2 * n)));
			assert.strictEqual(await value(clients[0], `SELECT ${n} + $1::int`, [1], `other ${n}`), n + 1);
		}
		await Promise.all(clients.map((client) => client.end()));
	});

	await check('transaction', async () => {
		const client = await open();
		await client.query('CREATE TABLE tx (i int PRIMARY KEY)');
		const add = (n) => client.query({ name: 'add', text: 'INSERT INTO tx VALUES ($1)', values: [n] });
		for (const n of range(10)) {
			await client.query('BEGIN');
			await add(n);
			await client.query('SAVEPOINT s');
			await refused('23505', () => add(n));
			await client.query('ROLLBACK TO s');
			if (n % 2) {
				await client.query('COMMIT');
				continue;
			}
			await refused('22012', () => client.query('SELECT 1 / $1::int', [0]));
			await refused('25P02', () => client.query('SELECT 1'));
			await client.query('ROLLBACK');
		}
		assert.strictEqual(await value(client, 'SELECT count(*)::int FROM tx'), 5);
		await client.end();
	});

	await check('batch', async () => {
		const client = await open();
		const results = await client.query('CREATE TABLE batch (i int); INSERT INTO batch VALUES (1), (2);'
			+ ' SELECT count(*)::int AS n FROM batch');
		assert.strictEqual(results[2].rows[0].n, 2);
		const sums = await Promise.all(range(100).map((n) => value(client, 'SELECT $1::int', [n])));
		assert.deepStrictEqual(sums, range(100));
		await client.end();
	});

	await check('copy', async () => {
		const client = await open();
		await client.query('CREATE TABLE copied (i int, line text)');
		await pipeline(Readable.from(range(5000).map((n) => `${n}\tsome text of a line\n`)),
			client.query(from('COPY copied FROM STDIN')));
		let bytes = 0;
		for await (const chunk of client.query(to('COPY copied TO STDOUT')))
			bytes += chunk.toString().split('\n').length - 1;
		assert.strictEqual(bytes, 5000);
		await refused('22P02', () => pipeline(Readable.from(['x\ty\n']), client.query(from('COPY copied FROM STDIN'))));
		assert.strictEqual(await value(client, 'SELECT count(*)::int FROM copied'), 5000);
		await client.end();
	});

	await check('cursor', async () => {
		const client = await open();
		await client.query('BEGIN');
		const cursor = client.query(new Cursor('SELECT generate_series(1, $1::int) AS n', [5000]));
		let sum = 0;
		for (let rows = await cursor.read(300); rows.length; rows = await cursor.read(300))
			sum += rows.reduce((total, row) => total + row.n, 0);
		assert.strictEqual(sum, 5000 * 5001 / 2);
		await cursor.close();
		await client.query('COMMIT');
		await client.end();
	});

	await check('cancel', async () => {
		const client = await open();
		for (const n of range(3)) {
			const slow = client.query('SELECT pg_sleep(30)');
			slow.catch(() => {});
			await sleep(200);
			// The driver's own cancel: a connection of its own that sends the key.
			const canceller = new Client();
			canceller.connection.connect(canceller.port, canceller.host);
			canceller.connection.once('connect', () =>
				canceller.connection.cancel(client.processID, client.secretKey));
			await refused('57014', () => slow);
			assert.strictEqual(await value(client, 'SELECT $1::int', [n]), n);
		}
		await client.end();
	});

	await check('listen', async () => {
		const client = await open({ database: process.env.SESSION_DATABASE });
		const other = await open();
		const heard = new Promise((then) => client.on('notification', (message) => then(message.payload)));
		await client.query('LISTEN news');
		await other.query("NOTIFY news, 'hello'");
		assert.strictEqual(await heard, 'hello');
		await client.end();
		await other.end();
	});

	await check('pool', async () => {
		const pool = new Pool({ max: 8 });
		await pool.query('CREATE TABLE pooled (i int)');
		await atOnce(8, async (number) => {
			for (const n of range(20)) {
				const client = await pool.connect();
				assert.strictEqual(await value(client, 'SELECT $1::int + $2::int', [n, number], 'sum'), n + number);
				await client.query('BEGIN');
				await client.query({ name: 'add', text: 'INSERT INTO pooled VALUES ($1)', values: [n] });
				await client.query('COMMIT');
				client.release();
			}
		});
		const client = await pool.connect();
		await client.query('BEGIN');
		assert.strictEqual(await value(client, 'SELECT count(*)::int FROM pooled'), 160);
		await client.query('COMMIT');
		client.release();
		await pool.end();
	});

	await check('fresh', async () => {
		const client = await open();
		await client.query('CREATE TABLE fresh (i int)');
		for (const n of range(30)) {
			await client.query('INSERT INTO fresh VALUES ($1)', [n]);
			assert.strictEqual(await value(client, 'SELECT count(*)::int FROM fresh WHERE i >= $1', [0], 'count'), n + 1);
		}
		await client.end();
	});

	await check('ddl', async () => {
		const clients = await atOnce(3, () => open());
		await clients[0].query('CREATE TABLE changing (i int); INSERT INTO changing VALUES (1)');
		const all = { name: 'all', text: 'SELECT * FROM changing', rowMode: 'array' };
		for (const client of clients)
			assert.deepStrictEqual((await client.query(all)).rows, [[1]]);
		await clients[0].query('ALTER TABLE changing ADD COLUMN j int DEFAULT 2');
		for (const client of clients)
			assert.deepStrictEqual((await client.query(all)).rows, [[1, 2]]);
		await Promise.all(clients.map((client) => client.end()));
	});

	await check('lost', async () => {
		const pool = new Pool({ max: 4 });
		const killer = await open();
		const one = () => value(pool, 'SELECT $1::int', [1], 'one');
		for (let round = 0; round < 3; round++) {
			await atOnce(8, one);
			await killer.query(KILL);
			await atOnce(8, one);
		}
		await pool.end();
		const client = await open();
		await client.query('BEGIN');
		await client.query('INSERT INTO tx VALUES (111)');
		await killer.query(KILL);
		await refused('08006', () => client.query('INSERT INTO tx VALUES (112)'));
		await client.query('ROLLBACK');
		assert.strictEqual(await value(client, 'SELECT count(*)::int FROM tx WHERE i > 110'), 0);
		await client.end();
		await killer.end();
	});

	await check('reconnect', async () => {
		const pool = new Pool({ max: 4 });
		for (let round = 0; round < 3; round++) {
			consoleCommand('RECONNECT');
			await atOnce(8, () => value(pool, 'SELECT $1::int', [1], 'one'));
		}
		await pool.end();
	});

	await check('admin', async () => {
		const client = await open({ database: 'pgweir', user: 'admin', password: process.env.ADMIN_PASSWORD });
		assert('cl_active' in (await client.query('SHOW POOLS')).rows[0]);
		await client.end();
	});
	done();
}

main();
