<?php
// SPDX-License-Identifier: ISC
// PDO: named statements pdo_stmt_… that it deallocates by SQL; COPY and notifications of pdo_pgsql;
// cancel by pg_cancel_query of the extension pgsql.
$kill = 'SELECT count(pg_terminate_backend(pid, 5000)) FROM pg_stat_activity WHERE usename = current_user'
	. ' AND datname = current_database() AND pid <> pg_backend_pid()';
$failed = 0;

function connect($database = null, $user = null, $password = null, $options = [])
{
	return new PDO('pgsql:host=' . getenv('PGHOST') . ';port=' . getenv('PGPORT') . ';dbname='
		. ($database ?? getenv('PGDATABASE')), $user ?? getenv('PGUSER'), $password ?? getenv('PGPASSWORD'),
		$options + [PDO::ATTR_ERRMODE => PDO::ERRMODE_EXCEPTION]);
}

function value($connection, $sql, $parameters = [])
{
	$statement = $connection->prepare($sql);
	$statement->execute($parameters);
	return $statement->fetchColumn();
}

function same($got, $wanted)
{
	if ($got !== $wanted)
		throw new Exception('got ' . json_encode($got) . ', not ' . json_encode($wanted));
}

function refused($state, $work)
{
	try {
		$work();
	} catch (PDOException $error) {
		same($error->getCode(), $state);
		return;
	}
	throw new Exception('no error');
}

function check($name, $work)
{
	global $failed;
	try {
		$work();
		echo "ok $name\n";
	} catch (Throwable $error) {
		$failed = 1;
		echo "FAILED $name: ", get_class($error), ': ', preg_replace('/\s+/', ' ', $error->getMessage()), "\n";
	}
}

echo 'version ', PHP_VERSION, ', libpq ', connect()->getAttribute(PDO::ATTR_CLIENT_VERSION), "\n";

check('login', fn() => same(value(connect(), 'SELECT current_user'), getenv('PGUSER')));

check('types', function () {
	$db = connect();
	$get = $db->prepare('SELECT ?::date, ?::numeric, ?::int[], ?::text, ?::bool, ?::jsonb, ?::int, ?::bytea');
	foreach (['2024-02-29', '12345678901234567890.123', '{1,2,NULL}', 'Grüße, 世界 🐘'] as $n => $given)
		$get->bindValue($n + 1, $given);
	$get->bindValue(5, true, PDO::PARAM_BOOL);
	$get->bindValue(6, '{"a": [1, null]}');
	$get->bindValue(7, null, PDO::PARAM_NULL);
	$get->bindValue(8, "\0\xff\\'", PDO::PARAM_LOB);
	$get->execute();
	$row = $get->fetch(PDO::FETCH_NUM);
	same(stream_get_contents($row[7]), "\0\xff\\'");
	same(array_slice($row, 0, 7), ['2024-02-29', '12345678901234567890.123', '{1,2,NULL}', 'Grüße, 世界 🐘', true,
		'{"a": [1, null]}', null]);
});

check('prepare', function () {
	$kinds = [[], [PDO::ATTR_EMULATE_PREPARES => true], [PDO::PGSQL_ATTR_DISABLE_PREPARES => true]];
	foreach ($kinds as $options) {
		$all = array_map(fn() => connect(null, null, null, $options), range(1, 4));
		$statements = array_map(fn($db) => $db->prepare('SELECT ?::int * 2'), $all);
		for ($n = 0; $n < 20; $n++) {
			foreach ($statements as $statement) {
				$statement->execute([$n]);
				same((int)$statement->fetchColumn(), 2 * $n);
			}
			same((int)value($all[0], "SELECT ?::int + $n", [1]), $n + 1); // dropped: DEALLOCATE
		}
	}
});

check('transaction', function () {
	$db = connect();
	$db->exec('CREATE TABLE tx (i int PRIMARY KEY)');
	$add = $db->prepare('INSERT INTO tx VALUES (?)');
	for ($n = 0; $n < 10; $n++) {
		$db->beginTransaction();
		$add->execute([$n]);
		$db->exec('SAVEPOINT s');
		refused('23505', fn() => $add->execute([$n]));
		$db->exec('ROLLBACK TO s');
		if ($n % 2) {
			$db->commit();
			continue;
		}
		refused('22012', fn() => $db->exec('SELECT 1/0'));
		refused('25P02', fn() => $db->exec('SELECT 1'));
		$db->rollBack();
	}
	same((int)value($db, 'SELECT count(*) FROM tx'), 5);
});

check('batch', function () {
	$db = connect();
	$db->exec("CREATE TABLE batch (i int); INSERT INTO batch VALUES (1); INSERT INTO batch VALUES (2)");
	$add = $db->prepare('INSERT INTO batch VALUES (?)');
	foreach (range(1, 100) as $n)
		$add->execute([$n]);
	same((int)value($db, 'SELECT count(*) FROM batch'), 102);
});

check('copy', function () {
	$db = connect();
	$db->exec('CREATE TABLE copied (i int, line text)');
	$db->pgsqlCopyFromArray('copied', array_map(fn($n) => "$n\t" . str_repeat('x', 80), range(1, 5000)));
	same(count($db->pgsqlCopyToArray('copied')), 5000);
});

check('cursor', function () {
	$db = connect();
	$db->beginTransaction();
	$cursor = $db->prepare('SELECT generate_series(1, 500)', [PDO::ATTR_CURSOR => PDO::CURSOR_SCROLL]);
	$cursor->execute();
	$sum = 0;
	while (($row = $cursor->fetch(PDO::FETCH_NUM)) !== false)
		$sum += $row[0];
	same($sum, 500 * 501 / 2);
	$db->commit();
});

check('cancel', function () {
	$db = pg_connect(''); // PDO has no cancel; the extension pgsql, over the same libpq, has
	for ($n = 0; $n < 3; $n++) {
		pg_send_query($db, 'SELECT pg_sleep(30)');
		usleep(200000);
		same(pg_cancel_query($db), true);
		same(pg_fetch_result(pg_query($db, 'SELECT 1'), 0, 0), '1');
	}
});

check('listen', function () {
	$db = connect(getenv('SESSION_DATABASE'));
	$db->exec('LISTEN news');
	connect()->exec("NOTIFY news, 'hello'");
	same($db->pgsqlGetNotify(PDO::FETCH_ASSOC, 10000)['payload'], 'hello');
});

check('pool', function () {
	connect()->exec('CREATE TABLE pooled (i int)');
	$workers = [];
	foreach (range(0, 7) as $number)
		$workers[] = proc_open([PHP_BINARY, '-r', '
			$db = new PDO("pgsql:", null, null, [PDO::ATTR_ERRMODE => PDO::ERRMODE_EXCEPTION, PDO::ATTR_PERSISTENT => true]);
			$sum = $db->prepare("SELECT ?::int + ?::int");
			$add = $db->prepare("INSERT INTO pooled VALUES (?)");
			for ($n = 0; $n < 15; $n++) {
				$sum->execute([$n, ' . $number . ']);
				if ((int)$sum->fetchColumn() !== $n + ' . $number . ')
					exit(1);
				$db->beginTransaction();
				$add->execute([$n]);
				$db->commit();
			}'], [], $pipes);
	foreach ($workers as $worker)
		same(proc_close($worker), 0);
	$db = connect();
	$db->beginTransaction();
	same((int)value($db, 'SELECT count(*) FROM pooled'), 120);
	$db->commit();
});

check('fresh', function () {
	$db = connect();
	$db->exec('CREATE TABLE fresh (i int)');
	$count = $db->prepare('SELECT count(*) FROM fresh WHERE i >= ?');
	for ($n = 0; $n < 30; $n++) {
		$db->exec("INSERT INTO fresh VALUES ($n)");
		$count->execute([0]);
		same((int)$count->fetchColumn(), $n + 1);
	}
});

// Not the old statement objects: PDO keeps room for as many columns as there were, and crashes with more.
check('ddl', function () {
	$all = array_map(fn() => connect(), range(1, 3));
	$all[0]->exec('CREATE TABLE changing (i int); INSERT INTO changing VALUES (1)');
	$columns = function ($db) {
		$statement = $db->prepare('SELECT * FROM changing');
		$statement->execute();
		return $statement->fetch(PDO::FETCH_NUM);
	};
	foreach ($all as $db)
		same($columns($db), [1]);
	$all[0]->exec('ALTER TABLE changing ADD COLUMN j int DEFAULT 2');
	foreach ($all as $db)
		same($columns($db), [1, 2]);
});

check('lost', function () use ($kill) {
	$idle = array_map(fn() => connect(), range(1, 4));
	$killer = connect();
	$statements = array_map(fn($db) => $db->prepare('SELECT ?::int'), $idle);
	foreach ($statements as $statement)
		$statement->execute([1]);
	$killer->query($kill);
	foreach ($statements as $statement) {
		$statement->execute([1]);
		same((int)$statement->fetchColumn(), 1);
	}
	$db = $idle[0];
	$db->beginTransaction();
	$db->exec('INSERT INTO tx VALUES (111)');
	$killer->query($kill);
	refused('08006', fn() => $db->exec('INSERT INTO tx VALUES (112)'));
	$db->rollBack();
	same((int)value($db, 'SELECT count(*) FROM tx WHERE i > 110'), 0);
});

check('reconnect', function () {
	$all = array_map(fn() => connect(), range(1, 4));
	$statements = array_map(fn($db) => $db->prepare('SELECT ?::int'), $all);
	for ($n = 0; $n < 3; $n++) {
		exec(getenv('CONSOLE') . ' RECONNECT', $output, $status);
		same($status, 0);
		foreach ($statements as $statement) {
			$statement->execute([1]);
			same((int)$statement->fetchColumn(), 1);
		}
	}
});

check('admin', function () {
	$db = connect('pgweir', 'admin', getenv('ADMIN_PASSWORD'));
	same(isset($db->query('SHOW POOLS')->fetch(PDO::FETCH_ASSOC)['cl_active']), true);
});

exit($failed);
