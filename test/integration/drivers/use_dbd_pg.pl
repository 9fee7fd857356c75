# SPDX-License-Identifier: ISC
# DBD::Pg: unnamed statements first, named ones from the second run on; asynchronous queries, COPY.
use strict;
use warnings;
use utf8;
use DBI;
use DBD::Pg qw(:pg_types :async);
use IO::Select;

binmode STDOUT, ':utf8';
$| = 1;
my $kill = 'SELECT count(pg_terminate_backend(pid, 5000)) FROM pg_stat_activity WHERE usename = current_user'
	. ' AND datname = current_database() AND pid <> pg_backend_pid()';
my $failed = 0;

sub connected {
	my %options = @_;
	my $database = delete $options{database} // $ENV{PGDATABASE};
	my $user = delete $options{user} // $ENV{PGUSER};
	my $password = delete $options{password} // $ENV{PGPASSWORD};
	return DBI->connect("dbi:Pg:dbname=$database", $user, $password,
		{ RaiseError => 1, PrintError => 0, AutoCommit => 1, %options });
}

sub check {
	my ($name, $work) = @_;
	if (eval { $work->(); 1 }) {
		print "ok $name\n";
		return;
	}
	my $why = $@;
	$why =~ s/\s+/ /g;
	print "FAILED $name: $why\n";
	$failed = 1;
}

sub same {
	my ($got, $wanted) = @_;
	die "got '" . ($got // 'undef') . "', not '$wanted'" unless defined $got && $got eq $wanted;
}

# The SQLSTATE with which the work fails.
sub refused {
	my ($db, $state, $work) = @_;
	die "no error" if eval { $work->(); 1 };
	die "$@ (" . $db->state . ")" if $db->state ne $state;
}

print "version $DBD::Pg::VERSION\n";

check login => sub { same(connected()->selectrow_array('SELECT current_user'), $ENV{PGUSER}) };

check types => sub {
	my $db = connected();
	my $get = $db->prepare('SELECT ?::date, ?::numeric, ?::int[], ?::text, ?::jsonb, ?::bytea, ?::int');
	$get->bind_param(6, undef, { pg_type => PG_BYTEA });
	for (1 .. 3) {
		$get->execute('2024-02-29', '12345678901234567890.123', [1, 2, undef], 'Grüße, 世界 🐘',
			'{"a": [1, null]}', "\0\xff\\'", undef);
		my @row = $get->fetchrow_array;
		same($row[0], '2024-02-29');
		same($row[1], '12345678901234567890.123');
		same(join(',', map { $_ // 'null' } @{ $row[2] }), '1,2,null');
		same($row[3], 'Grüße, 世界 🐘');
		same($row[4], '{"a": [1, null]}');
		same(unpack('H*', $row[5]), '00ff5c27');
		die 'NULL' if defined $row[6];
	}
};

check prepare => sub {
	my @all = map { connected() } 1 .. 6;
	my @statements = map { $_->prepare('SELECT ?::int * 2') } @all;
	for my $n (1 .. 20) {
		for my $statement (@statements) {
			$statement->execute($n);
			same($statement->fetchrow_array, 2 * $n);
		}
		my $other = $all[0]->prepare("SELECT ?::int + $n");
		for (1, 2) {
			$other->execute(1);
			same($other->fetchrow_array, $n + 1);
		}
	}
	@statements = ();
	$all[0]->do('SELECT 1 WHERE 1 = ?', undef, 1);
};

check transaction => sub {
	my $db = connected(AutoCommit => 0);
	$db->do('CREATE TABLE tx (i int PRIMARY KEY)');
	$db->commit;
	my $add = $db->prepare('INSERT INTO tx VALUES (?)');
	for my $n (1 .. 10) {
		$add->execute($n);
		$db->pg_savepoint('s');
		refused($db, '23505', sub { $add->execute($n) });
		$db->pg_rollback_to('s');
		if ($n % 2) {
			$db->commit;
			next;
		}
		refused($db, '22012', sub { $db->do('SELECT 1/0') });
		refused($db, '25P02', sub { $db->do('SELECT 1') });
		$db->rollback;
	}
	same($db->selectrow_array('SELECT count(*) FROM tx'), 5);
	$db->rollback;
};

check batch => sub {
	my $db = connected();
	$db->do('CREATE TABLE batch (i int, line text)');
	my $add = $db->prepare('INSERT INTO batch VALUES (?, ?)');
	$add->execute_array({}, [1 .. 200], [map { "line $_" } 1 .. 200]);
	$db->do("INSERT INTO batch VALUES (1, 'a'); INSERT INTO batch VALUES (2, 'b')");
	same($db->selectrow_array('SELECT count(*) FROM batch'), 202);
};

check copy => sub {
	my $db = connected();
	$db->do('CREATE TABLE copied (i int, line text)');
	$db->do('COPY copied FROM STDIN');
	$db->pg_putcopydata("$_\t" . 'x' x 80 . "\n") for 1 .. 5000;
	$db->pg_putcopyend;
	$db->do('COPY copied TO STDOUT');
	my ($line, $count) = ('', 0);
	$count++ while $db->pg_getcopydata($line) >= 0;
	same($count, 5000);
};

check cursor => sub {
	my $db = connected(AutoCommit => 0);
	$db->do('DECLARE many CURSOR FOR SELECT generate_series(1, 5000)');
	my $sum = 0;
	while (1) {
		my $rows = $db->selectcol_arrayref('FETCH 300 FROM many');
		last unless @$rows;
		$sum += $_ for @$rows;
	}
	same($sum, 5000 * 5001 / 2);
	$db->rollback;
};

check cancel => sub {
	my $db = connected();
	for (1 .. 3) {
		$db->do('SELECT pg_sleep(30)', { pg_async => PG_ASYNC });
		die 'not cancelled' unless $db->pg_cancel;
		same($db->selectrow_array('SELECT 1'), 1);
	}
};

check listen => sub {
	my $db = connected(database => $ENV{SESSION_DATABASE});
	$db->do('LISTEN news');
	connected()->do("NOTIFY news, 'hello'");
	my $heard;
	for (1 .. 20) {
		$heard = $db->pg_notifies and last;
		IO::Select->new($db->{pg_socket})->can_read(1);
	}
	same($heard->[2], 'hello');
};

check pool => sub {
	connected()->do('CREATE TABLE pooled (i int)');
	my @children;
	for my $number (1 .. 8) {
		my $pid = fork;
		push @children, $pid;
		next if $pid;
		my $good = eval {
			my $db = connected(AutoCommit => 0);
			my $sum = $db->prepare('SELECT ?::int + ?::int');
			my $add = $db->prepare('INSERT INTO pooled VALUES (?)');
			for my $n (1 .. 15) {
				$sum->execute($n, $number);
				same($sum->fetchrow_array, $n + $number);
				$add->execute($n);
				$db->commit;
			}
			1;
		};
		warn $@ unless $good;
		require POSIX;
		POSIX::_exit(!$good);
	}
	for (@children) {
		waitpid $_, 0;
		die 'a child failed' if $?;
	}
	my $db = connected(AutoCommit => 0);
	same($db->selectrow_array('SELECT count(*) FROM pooled'), 8 * 15);
	$db->rollback;
};

check fresh => sub {
	my $db = connected();
	$db->do('CREATE TABLE fresh (i int)');
	my $add = $db->prepare('INSERT INTO fresh VALUES (?)');
	my $count = $db->prepare('SELECT count(*) FROM fresh WHERE i >= ?');
	for my $n (1 .. 30) {
		$add->execute($n);
		$count->execute(0);
		same($count->fetchrow_array, $n);
	}
};

check lost => sub {
	my @idle = map { connected() } 1 .. 4;
	my @statements = map { $_->prepare('SELECT ?::int') } @idle;
	my $killer = connected();
	for my $round (1 .. 4) {
		for (@statements) {
			$_->execute(1);
			same($_->fetchrow_array, 1);
		}
		$killer->do($kill) if $round == 3;
	}
	my $db = connected(AutoCommit => 0);
	$db->do('INSERT INTO tx VALUES (111)');
	$killer->do($kill);
	refused($db, '08006', sub { $db->do('INSERT INTO tx VALUES (112)') });
	$db->rollback;
	same($db->selectrow_array('SELECT count(*) FROM tx WHERE i > 110'), 0);
	$db->rollback;
};

check reconnect => sub {
	my @statements = map { connected()->prepare('SELECT ?::int') } 1 .. 4;
	for (1 .. 3) {
		system("$ENV{CONSOLE} RECONNECT >$ENV{TMPDIR}/console.out") == 0 or die 'console';
		for (@statements) {
			$_->execute(1);
			same($_->fetchrow_array, 1);
		}
	}
};

exit $failed;
