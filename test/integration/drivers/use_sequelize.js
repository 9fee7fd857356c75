// SPDX-License-Identifier: ISC
// Sequelize over node-postgres: simple queries, bound ones unnamed, transactions, its pool.
'use strict';
const assert = require('assert');
const { Sequelize, DataTypes, Op } = require('sequelize');
const { KILL, atOnce, check, consoleCommand, done, range, refused, versionOf } = require('./checks.js');

async function main() {
	console.log('version', versionOf('sequelize'));
	const sequelize = new Sequelize(process.env.PGDATABASE, process.env.PGUSER, process.env.PGPASSWORD, {
		dialect: 'postgres', host: process.env.PGHOST, port: process.env.PGPORT, logging: false, pool: { max: 8 },
	});
	const Thing = sequelize.define('thing', {
		name: { type: DataTypes.TEXT, unique: true }, born: DataTypes.DATEONLY, paid: DataTypes.DECIMAL(30, 3),
		tags: DataTypes.ARRAY(DataTypes.TEXT), more: DataTypes.JSONB, at: DataTypes.DATE, picture: DataTypes.BLOB,
	}, { timestamps: false });
	const named = (pattern) => ({ where: { name: { [Op.like]: pattern } } });

	await check('login', async () => {
		await sequelize.authenticate();
		const [[row]] = await sequelize.query('SELECT current_user AS u');
		assert.strictEqual(row.u, process.env.PGUSER);
	});

	await check('ddl', async () => {
		await sequelize.sync();
		await sequelize.sync({ alter: true });
	});

	await check('types', async () => {
		const given = { name: 'Grüße, 世界 🐘', born: '2024-02-29', paid: '12345678901234567890.123', tags: ['a,b', 'c"d'],
			more: { a: [1, null] }, at: new Date('2024-02-29T01:02:03Z'), picture: Buffer.from([0, 255, 92, 39]) };
		await Thing.create(given);
		const { id, ...row } = (await Thing.findOne({ where: { name: given.name } })).get({ plain: true });
		assert.deepStrictEqual(row, given, id);
	});

	await check('transaction', async () => {
		for (const n of range(10)) {
			const work = sequelize.transaction(async (transaction) => {
				await Thing.create({ name: `tx ${n}` }, { transaction });
				await refused('23505', () => sequelize.transaction({ transaction }, (inner) =>
					Thing.create({ name: `tx ${n}` }, { transaction: inner })));
				if (n % 2)
					await sequelize.query('SELECT 1 / $1::int', { bind: [0], transaction });
			});
			if (n % 2)
				await refused('22012', () => work);
			else
				await work;
		}
		assert.strictEqual(await Thing.count(named('tx%')), 5);
	});

	await check('batch', async () => {
		await Thing.bulkCreate(range(500).map((n) => ({ name: `batch ${n}` })));
		const [, changed] = await Thing.update({ paid: 1 }, { ...named('batch%'), returning: true });
		assert.strictEqual(changed.length, 500);
	});

	await check('prepare', async () => {
		await atOnce(8, async (number) => {
			for (const n of range(20)) {
				const [[row]] = await sequelize.query('SELECT $1::int + $2::int AS s', { bind: [n, number] });
				assert.strictEqual(row.s, n + number);
			}
		});
	});

	await check('pool', async () => {
		await atOnce(16, async (number) => {
			for (const n of range(10))
				await sequelize.transaction(async (transaction) => {
					await Thing.create({ name: `pool ${number} ${n}` }, { transaction });
					assert(await Thing.findOne({ where: { name: `pool ${number} ${n}` }, transaction }));
				});
		});
		await sequelize.transaction(async (transaction) =>
			assert.strictEqual(await Thing.count({ ...named('pool%'), transaction }), 160));
	});

	await check('fresh', async () => {
		const one = new Sequelize({ ...sequelize.options, ...sequelize.config, pool: { max: 1 } });
		for (const n of range(30)) {
			await one.query('INSERT INTO things (name) VALUES ($1)', { bind: [`fresh ${n}`] });
			const [[row]] = await one.query("SELECT count(*)::int AS n FROM things WHERE name LIKE 'fresh%'");
			assert.strictEqual(row.n, n + 1);
		}
		await one.close();
	});

	await check('lost', async () => {
		await sequelize.query(KILL);
		await atOnce(8, () => Thing.findByPk(1));
		await refused('08006', () => sequelize.transaction(async (transaction) => {
			await Thing.create({ name: 'lost' }, { transaction });
			await sequelize.query(KILL);
			await Thing.create({ name: 'lost too' }, { transaction });
		}));
		assert.strictEqual(await Thing.count(named('lost%')), 0);
	});

	await check('reconnect', async () => {
		for (let round = 0; round < 3; round++) {
			consoleCommand('RECONNECT');
			await atOnce(8, () => Thing.findByPk(1));
		}
	});
	await sequelize.close();
	done();
}

main();
