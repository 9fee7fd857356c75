// SPDX-License-Identifier: ISC
// Drizzle over node-postgres (unnamed, or named by .prepare) and over postgres.js (named).
'use strict';
const assert = require('assert');
const { Pool } = require('pg');
const postgres = require('postgres');
const { eq, sql } = require('drizzle-orm');
const { pgTable, serial, text, date, numeric, jsonb, timestamp, integer } = require('drizzle-orm/pg-core');
const overPg = require('drizzle-orm/node-postgres').drizzle;
const overPostgres = require('drizzle-orm/postgres-js').drizzle;
const { KILL, atOnce, check, consoleCommand, done, range, refused, versionOf } = require('./checks.js');

const things = pgTable('things', {
	id: serial('id').primaryKey(), name: text('name').unique(), born: date('born'), paid: numeric('paid'),
	tags: text('tags').array(), more: jsonb('more'), at: timestamp('at', { withTimezone: true }), n: integer('n'),
});

async function main() {
	console.log('version', versionOf('drizzle-orm'));
	const pool = new Pool({ max: 8 });
	const client = postgres({ max: 8, onnotice: () => {} });
	const all = [overPg(pool), overPostgres(client)];
	const db = all[0];

	await check('login', async () => {
		for (const each of all)
			await each.execute(sql`SELECT current_user`);
	});

	await check('types', async () => {
		await db.execute(sql`CREATE TABLE things (id serial PRIMARY KEY, name text UNIQUE, born date, paid numeric,
			tags text[], more jsonb, at timestamptz, n int)`);
		for (const each of all) {
			const given = { name: `Grüße, 世界 🐘 ${all.indexOf(each)}`, born: '2024-02-29', paid: '12345678901234567890.123',
				tags: ['a,b', 'c"d'], more: { a: [1, null] }, at: new Date('2024-02-29T01:02:03Z') };
			const [made] = await each.insert(things).values(given).returning();
			const [row] = await each.select().from(things).where(eq(things.name, given.name));
			assert.deepStrictEqual(row, { ...given, id: made.id, n: null });
		}
	});

	await check('prepare', async () => {
		for (const each of all) {
			const find = each.select().from(things).where(eq(things.id, sql.placeholder('id'))).prepare('find');
			await atOnce(8, async () => {
				for (const n of range(10))
					assert.strictEqual((await find.execute({ id: 1 }))[0].id, 1, n);
			});
		}
	});

	await check('transaction', async () => {
		for (const each of all)
			for (const n of range(10)) {
				const name = `tx ${all.indexOf(each)} ${n}`;
				const work = each.transaction(async (tx) => {
					await tx.insert(things).values({ name });
					await refused('23505', () => tx.transaction((inner) => inner.insert(things).values({ name })));
					if (n % 2)
						await tx.execute(sql`SELECT 1 / ${0}::int`);
				});
				if (n % 2)
					await refused('22012', () => work);
				else
					await work;
			}
		assert.strictEqual(await db.$count(things, sql`name LIKE 'tx%'`), 10);
	});

	await check('batch', async () => {
		await db.insert(things).values(range(500).map((n) => ({ name: `batch ${n}`, n })));
		assert.strictEqual(await db.$count(things, sql`name LIKE 'batch%'`), 500);
	});

	await check('pool', async () => {
		for (const each of all)
			await atOnce(8, async (number) => {
				for (const n of range(10)) {
					const name = `pool ${all.indexOf(each)} ${number} ${n}`;
					await each.transaction(async (tx) => {
						await tx.insert(things).values({ name });
						assert.strictEqual((await tx.select().from(things).where(eq(things.name, name))).length, 1);
					});
				}
			});
		await db.transaction(async (tx) =>
			assert.strictEqual(await tx.$count(things, sql`name LIKE 'pool%'`), 160));
	});

	await check('fresh', async () => {
		const one = overPostgres(postgres({ max: 1 }));
		for (const n of range(30)) {
			await one.insert(things).values({ name: `fresh ${n}` });
			assert.strictEqual(await one.$count(things, sql`name LIKE 'fresh%'`), n + 1);
		}
	});

	await check('lost', async () => {
		for (const each of all) {
			await db.execute(sql.raw(KILL));
			await atOnce(8, () => each.select().from(things).where(eq(things.id, 1)));
			await refused('08006', () => each.transaction(async (tx) => {
				await tx.insert(things).values({ name: 'lost' });
				await db.execute(sql.raw(KILL));
				await tx.insert(things).values({ name: 'lost too' });
			}));
			assert.strictEqual(await each.$count(things, sql`name LIKE 'lost%'`), 0);
		}
	});

	await check('reconnect', async () => {
		for (let round = 0; round < 3; round++) {
			consoleCommand('RECONNECT');
			for (const each of all)
				await atOnce(8, () => each.select().from(things).where(eq(things.id, 1)));
		}
	});
	done();
}

main();
