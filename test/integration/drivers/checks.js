// SPDX-License-Identifier: ISC
// What the programs for node share: await check('name', async () => …), then done().
'use strict';
const assert = require('assert');
const fs = require('fs');
const path = require('path');
const { execFileSync } = require('child_process');

const KILL = 'SELECT count(pg_terminate_backend(pid, 5000)) AS n FROM pg_stat_activity WHERE usename = current_user'
	+ ' AND datname = current_database() AND pid <> pg_backend_pid()';
let failed = 0;

async function check(name, work) {
	try {
		await work();
		console.log('ok', name);
	} catch (error) {
		failed = 1;
		console.log(error);
		console.log(`FAILED ${name}: ${String(error.message || error).replace(/\s+/g, ' ')}`);
	}
}

// The SQLSTATE of an error, wherever a mapper has put it.
function codeOf(error) {
	for (let each = error; each; each = each.cause || each.original || each.driverError)
		if (typeof each.code === 'string' && /^[0-9A-Z]{5}$/.test(each.code))
			return each.code;
	return undefined;
}

async function refused(code, work) {
	try {
		await work();
	} catch (error) {
		if (codeOf(error) !== code)
			throw error;
		return;
	}
	assert.fail('no error');
}

function versionOf(name) {
	return JSON.parse(fs.readFileSync(path.join(process.env.NODE_PATH, name, 'package.json'))).version;
}

function consoleCommand(command) {
	execFileSync(process.env.CONSOLE, [command]);
}

const range = (count) => [...Array(count).keys()];
const sleep = (milliseconds) => new Promise((then) => setTimeout(then, milliseconds));

// work(number) at the same time, in so many chains of promises.
const atOnce = (count, work) => Promise.all(range(count).map(work));

function done() {
	process.exit(failed);
}

process.on('unhandledRejection', (error) => {
	console.log('FAILED unhandled:', error);
	process.exit(1);
});

module.exports = { KILL, atOnce, check, codeOf, consoleCommand, done, range, refused, sleep, versionOf };
