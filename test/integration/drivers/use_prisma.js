// SPDX-License-Identifier: ISC
// Prisma with its adapter for node-postgres. Its engine for migrations cannot be had without a
// download, so the table is made in SQL; the client is generated once, beside the packages.
'use strict';
const assert = require('assert');
const fs = require('fs');
const path = require('path');
const { execFileSync } = require('child_process');
const { KILL, atOnce, check, consoleCommand, done, range, versionOf } = require('./checks.js');

const SCHEMA = `generator client {
	provider = "prisma-client-js"
	output   = "./client"
}
datasource db {
	provider = "postgresql"
}
model Thing {
	id      Int       @id @default(autoincrement())
	name    String    @unique
	born    DateTime? @db.Date
	paid    Decimal?  @db.Decimal(30, 3)
	tags    String[]
	more    Json?
	at      DateTime? @db.Timestamptz(3)
	picture Bytes?
	@@map("things")
}
`;

function generate() {
	const modules = process.env.NODE_PATH;
	const folder = path.join(path.dirname(modules), 'prisma');
	const schema = path.join(folder, 'schema.prisma');
	if (!fs.existsSync(schema) || fs.readFileSync(schema, 'utf8') !== SCHEMA || !fs.existsSync(path.join(folder, 'client'))) {
		fs.mkdirSync(folder, { recursive: true });
		fs.writeFileSync(schema, SCHEMA);
		execFileSync(path.join(modules, '.bin', 'prisma'), ['generate', '--schema', schema], {
			env: { ...process.env, PRISMA_SCHEMA_ENGINE_BINARY: '/bin/true', CHECKPOINT_DISABLE: '1' }, cwd: folder });
	}
	return require(path.join(folder, 'client'));
}

async function main() {
	console.log('version', versionOf('prisma'));
	const { PrismaClient } = generate();
	const { PrismaPg } = require('@prisma/adapter-pg');
	const address = `postgresql://${process.env.PGUSER}:${process.env.PGPASSWORD}@${process.env.PGHOST}:`
		+ `${process.env.PGPORT}/${process.env.PGDATABASE}`;
	const open = (max) => new PrismaClient({ adapter: new PrismaPg({ connectionString: address, max }) });
	const prisma = open(8);
	const count = (name, on = prisma) => on.thing.count({ where: { name: { startsWith: name } } });

	await check('login', async () => {
		const [row] = await prisma.$queryRaw`SELECT current_user::text AS u`;
		assert.strictEqual(row.u, process.env.PGUSER);
	});

	await check('types', async () => {
		await prisma.$executeRawUnsafe('CREATE TABLE things (id serial PRIMARY KEY, name text UNIQUE NOT NULL, born date,'
			+ ' paid numeric(30, 3), tags text[], more jsonb, at timestamptz(3), picture bytea)');
		const given = { name: 'Grüße, 世界 🐘', born: new Date('2024-02-29'), tags: ['a,b', 'c"d'], more: { a: [1, null] },
			at: new Date('2024-02-29T01:02:03Z') };
		await prisma.thing.create({ data: { ...given, paid: '12345678901234567890.123', picture: Buffer.from([0, 255]) } });
		const { id, paid, picture, ...row } = await prisma.thing.findUnique({ where: { name: given.name } });
		assert.deepStrictEqual(row, given, id);
		assert.strictEqual(paid.toFixed(3), '12345678901234567890.123');
		assert.deepStrictEqual([...picture], [0, 255]);
	});

	await check('transaction', async () => {
		for (const n of range(10)) {
			const work = prisma.$transaction(async (tx) => {
				await tx.thing.create({ data: { name: `tx ${n}` } });
				if (n % 2)
					await tx.thing.create({ data: { name: `tx ${n}` } });
			});
			if (n % 2)
				await assert.rejects(work, { code: 'P2002' });
			else
				await work;
		}
		await prisma.$transaction([prisma.thing.create({ data: { name: 'tx a' } }), prisma.thing.findFirst()],
			{ isolationLevel: 'Serializable' });
		assert.strictEqual(await count('tx'), 6);
	});

	await check('batch', async () => {
		await prisma.thing.createMany({ data: range(500).map((n) => ({ name: `batch ${n}` })) });
		assert.strictEqual((await prisma.thing.updateMany({ where: { name: { startsWith: 'batch' } },
			data: { paid: 1 } })).count, 500);
	});

	await check('pool', async () => {
		await atOnce(16, async (number) => {
			for (const n of range(10))
				await prisma.$transaction(async (tx) => {
					await tx.thing.create({ data: { name: `pool ${number} ${n}` } });
					assert(await tx.thing.findUnique({ where: { name: `pool ${number} ${n}` } }));
				}, { maxWait: 20000, timeout: 20000 });
		});
		await prisma.$transaction(async (tx) => assert.strictEqual(await count('pool', tx), 160));
	});

	await check('fresh', async () => {
		const one = open(1);
		for (const n of range(30)) {
			await one.thing.create({ data: { name: `fresh ${n}` } });
			assert.strictEqual(await count('fresh', one), n + 1);
		}
		await one.$disconnect();
	});

	await check('lost', async () => {
		await prisma.$queryRawUnsafe(KILL.replace('AS n', '::int AS n'));
		await atOnce(8, () => prisma.thing.findFirst());
		await assert.rejects(prisma.$transaction(async (tx) => {
			await tx.thing.create({ data: { name: 'lost' } });
			await prisma.$queryRawUnsafe(KILL.replace('AS n', '::int AS n'));
			await tx.thing.create({ data: { name: 'lost too' } });
		}));
		assert.strictEqual(await count('lost'), 0);
	});

	await check('reconnect', async () => {
		for (let round = 0; round < 3; round++) {
			consoleCommand('RECONNECT');
			await atOnce(8, () => prisma.thing.findFirst());
		}
	});
	await prisma.$disconnect();
	done();
}

main();
