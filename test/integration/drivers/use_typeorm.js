// SPDX-License-Identifier: ISC
// TypeORM over node-postgres: schema synchronised, repositories, transactions, a pool.
'use strict';
require('reflect-metadata');
const assert = require('assert');
const { DataSource, EntitySchema, Like } = require('typeorm');
const { KILL, atOnce, check, consoleCommand, done, range, refused, versionOf } = require('./checks.js');

const Thing = new EntitySchema({
	name: 'Thing', tableName: 'things',
	columns: {
		id: { type: 'int', primary: true, generated: true }, name: { type: 'text', unique: true },
		born: { type: 'date', nullable: true }, paid: { type: 'numeric', nullable: true },
		tags: { type: 'text', array: true, nullable: true }, more: { type: 'jsonb', nullable: true },
		at: { type: 'timestamptz', nullable: true }, picture: { type: 'bytea', nullable: true },
	},
});

async function main() {
	console.log('version', versionOf('typeorm'));
	const source = new DataSource({
		type: 'postgres', host: process.env.PGHOST, port: +process.env.PGPORT, username: process.env.PGUSER,
		password: process.env.PGPASSWORD, database: process.env.PGDATABASE, entities: [Thing], poolSize: 8,
		installExtensions: false,
	});
	await source.initialize();
	const things = source.getRepository(Thing);

	await check('login', async () => {
		assert.strictEqual((await source.query('SELECT current_user AS u'))[0].u, process.env.PGUSER);
	});

	await check('ddl', async () => {
		await source.synchronize();
		await source.synchronize(); // reads the catalogue, changes nothing
	});

	await check('types', async () => {
		const given = { name: 'Grüße, 世界 🐘', born: '2024-02-29', paid: '12345678901234567890.123', tags: ['a,b', 'c"d'],
			more: { a: [1, null] }, at: new Date('2024-02-29T01:02:03Z'), picture: Buffer.from([0, 255, 92, 39]) };
		const made = await things.save({ ...given });
		assert.deepStrictEqual(await things.findOneBy({ name: given.name }), { ...given, id: made.id });
	});

	await check('transaction', async () => {
		for (const n of range(10)) {
			const work = source.transaction(async (manager) => {
				await manager.insert(Thing, { name: `tx ${n}` });
				await refused('23505', () => manager.transaction((inner) => inner.insert(Thing, { name: `tx ${n}` })));
				if (n % 2)
					await manager.query('SELECT 1 / $1::int', [0]);
			});
			if (n % 2)
				await refused('22012', () => work);
			else
				await work;
		}
		assert.strictEqual(await things.countBy({ name: Like('tx%') }), 5);
	});

	await check('batch', async () => {
		await things.insert(range(500).map((n) => ({ name: `batch ${n}` })));
		assert.strictEqual(await things.countBy({ name: Like('batch%') }), 500);
	});

	await check('pool', async () => {
		await atOnce(16, async (number) => {
			for (const n of range(10))
				await source.transaction('SERIALIZABLE', async (manager) => {
					await manager.insert(Thing, { name: `pool ${number} ${n}` });
				}).catch((error) => {
					if (error.code !== '40001')
						throw error;
				});
		});
		await source.transaction(async (manager) =>
			assert(await manager.countBy(Thing, { name: Like('pool%') }) > 0));
	});

	await check('fresh', async () => {
		const runner = source.createQueryRunner(); // one connection
		for (const n of range(30)) {
			await runner.manager.insert(Thing, { name: `fresh ${n}` });
			assert.strictEqual(await runner.manager.countBy(Thing, { name: Like('fresh%') }), n + 1);
		}
		await runner.release();
	});

	await check('lost', async () => {
		await source.query(KILL);
		await atOnce(8, () => things.findOneBy({ id: 1 }));
		await refused('08006', () => source.transaction(async (manager) => {
			await manager.insert(Thing, { name: 'lost' });
			await source.query(KILL);
			await manager.insert(Thing, { name: 'lost too' });
		}));
		assert.strictEqual(await things.countBy({ name: Like('lost%') }), 0);
	});

	await check('reconnect', async () => {
		for (let round = 0; round < 3; round++) {
			consoleCommand('RECONNECT');
			await atOnce(8, () => things.findOneBy({ id: 1 }));
		}
	});
	await source.destroy();
	done();
}

main();
