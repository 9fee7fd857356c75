// SPDX-License-Identifier: ISC
//! tokio-postgres: named statements (sN) for everything, pipelined, COPY, cancel tokens, portals.
use bytes::Bytes;
use futures_util::future::join_all;
use futures_util::{pin_mut, stream, SinkExt, StreamExt, TryStreamExt};
use std::future::{poll_fn, Future};
use std::time::Duration;
use tokio_postgres::{AsyncMessage, Client, Config, Error, NoTls};

const KILL: &str = "SELECT count(pg_terminate_backend(pid, 5000)) FROM pg_stat_activity WHERE usename = current_user \
	AND datname = current_database() AND pid <> pg_backend_pid()";

type Outcome = Result<(), Box<dyn std::error::Error + Send + Sync>>;

fn env(name: &str) -> String {
	std::env::var(name).unwrap()
}

fn config() -> Config {
	let mut config = Config::new();
	config
		.host(&env("PGHOST"))
		.port(env("PGPORT").parse().unwrap())
		.user(&env("PGUSER"))
		.password(env("PGPASSWORD"))
		.dbname(&env("PGDATABASE"));
	config
}

async fn open() -> Result<Client, Error> {
	let (client, connection) = config().connect(NoTls).await?;
	tokio::spawn(connection);
	Ok(client)
}

async fn number(client: &Client, sql: &str) -> Result<i64, Error> {
	Ok(client.query_one(sql, &[]).await?.get(0))
}

fn same<T: PartialEq + std::fmt::Debug>(got: T, wanted: T) -> Outcome {
	if got == wanted {
		return Ok(());
	}
	Err(format!("got {:?}, not {:?}", got, wanted).into())
}

fn refused<T>(result: Result<T, Error>, code: &str) -> Outcome {
	match result {
		Ok(_) => Err("no error".into()),
		Err(error) if error.code().map(|state| state.code()) == Some(code) => Ok(()),
		Err(error) => Err(error.into()),
	}
}

fn console(command: &str) -> Outcome {
	let done = std::process::Command::new(env("CONSOLE")).arg(command).output()?;
	same(done.status.success(), true)
}

async fn login() -> Outcome {
	let client = open().await?;
	let user: String = client.query_one("SELECT current_user::text", &[]).await?.get(0);
	same(user, env("PGUSER"))
}

async fn types() -> Outcome {
	let client = open().await?;
	let (numbers, text, raw) = (vec![Some(1i32), None], "Grüße, 世界 🐘", vec![0u8, 255, 92, 39]);
	let at = std::time::UNIX_EPOCH + Duration::from_secs(1_709_168_523);
	let row = client
		.query_one(
			"SELECT $1::int[], $2::text, $3::bytea, $4::bool, $5::int, $6::timestamptz, $7::float8",
			&[&numbers, &text, &raw, &true, &None::<i32>, &at, &0.1f64],
		)
		.await?;
	same(row.get::<_, Vec<Option<i32>>>(0), numbers)?;
	same(row.get::<_, &str>(1), text)?;
	same(row.get::<_, Vec<u8>>(2), raw)?;
	same(row.get::<_, bool>(3), true)?;
	same(row.get::<_, Option<i32>>(4), None)?;
	same(row.get::<_, std::time::SystemTime>(5), at)?;
	same(row.get::<_, f64>(6), 0.1)?;
	// A type that the driver does not know: it prepares statements on the catalogue.
	client.batch_execute("CREATE TYPE colour AS ENUM ('red', 'green')").await?;
	same(client.query("SELECT 'red'::colour", &[]).await?[0].columns()[0].type_().name(), "colour")
}

async fn prepare() -> Outcome {
	let clients = join_all((0..6).map(|_| open())).await.into_iter().collect::<Result<Vec<_>, _>>()?;
	let mut statements = Vec::new();
	for client in &clients {
		statements.push(client.prepare("SELECT $1::int * 2").await?);
	}
	for n in 0..20i32 {
		for (client, statement) in clients.iter().zip(&statements) {
			same(client.query_one(statement, &[&n]).await?.get::<_, i32>(0), 2 * n)?;
		}
		// Prepared, run once and closed when it is dropped.
		let sql = format!("SELECT {} + $1::int", n);
		same(clients[0].query_one(&sql, &[&1i32]).await?.get::<_, i32>(0), n + 1)?;
	}
	Ok(())
}

async fn transaction() -> Outcome {
	let mut client = open().await?;
	client.batch_execute("CREATE TABLE tx (i int PRIMARY KEY)").await?;
	for n in 0..10i32 {
		let mut tx = client.transaction().await?;
		tx.execute("INSERT INTO tx VALUES ($1)", &[&n]).await?;
		let inner = tx.transaction().await?;
		refused(inner.execute("INSERT INTO tx VALUES ($1)", &[&n]).await, "23505")?;
		inner.rollback().await?;
		if n % 2 == 1 {
			tx.commit().await?;
			continue;
		}
		refused(tx.query("SELECT 1 / $1::int", &[&0i32]).await, "22012")?;
		refused(tx.query("SELECT 1", &[]).await, "25P02")?;
		tx.rollback().await?;
	}
	same(number(&client, "SELECT count(*) FROM tx").await?, 5)
}

async fn batch() -> Outcome {
	let client = open().await?;
	client.batch_execute("CREATE TABLE batch (i int PRIMARY KEY); INSERT INTO batch VALUES (0)").await?;
	let add = client.prepare("INSERT INTO batch VALUES ($1)").await?;
	let numbers: Vec<i32> = (1..300).collect();
	for done in join_all(numbers.iter().map(|n| client.execute_raw(&add, [n]))).await {
		same(done?, 1)?;
	}
	// Pipelined, one fails: each is a transaction of its own.
	let done = join_all([301, 1, 302].iter().map(|n| client.execute_raw(&add, [n]))).await;
	same(done.iter().map(|each| each.is_ok()).collect::<Vec<_>>(), vec![true, false, true])?;
	same(number(&client, "SELECT count(*) FROM batch").await?, 302)
}

async fn copy() -> Outcome {
	let client = open().await?;
	client.batch_execute("CREATE TABLE copied (i int, line text)").await?;
	let sink = client.copy_in("COPY copied FROM STDIN").await?;
	pin_mut!(sink);
	for n in 0..5000 {
		sink.send(Bytes::from(format!("{}\tsome text of a line\n", n))).await?;
	}
	same(sink.finish().await?, 5000)?;
	let rows: Vec<Bytes> = client.copy_out("COPY copied TO STDOUT").await?.try_collect().await?;
	same(rows.len(), 5000)?;
	let sink = client.copy_in("COPY copied FROM STDIN").await?;
	pin_mut!(sink);
	sink.send(Bytes::from("x\ty\n")).await?;
	refused(sink.finish().await, "22P02")?;
	same(number(&client, "SELECT count(*) FROM copied").await?, 5000)
}

async fn cursor() -> Outcome {
	let mut client = open().await?;
	let tx = client.transaction().await?;
	let portal = tx.bind("SELECT generate_series(1, $1::int)", &[&5000i32]).await?;
	let mut sum = 0;
	loop {
		let rows = tx.query_portal(&portal, 300).await?;
		if rows.is_empty() {
			break;
		}
		sum += rows.iter().map(|row| row.get::<_, i32>(0)).sum::<i32>();
	}
	same(sum, 5000 * 5001 / 2)?;
	Ok(tx.commit().await?)
}

async fn cancel() -> Outcome {
	let client = open().await?;
	for _ in 0..3 {
		let token = client.cancel_token();
		let canceller = tokio::spawn(async move {
			tokio::time::sleep(Duration::from_millis(200)).await;
			token.cancel_query(NoTls).await
		});
		refused(client.query("SELECT pg_sleep(30)", &[]).await, "57014")?;
		canceller.await??;
		same(number(&client, "SELECT 1::bigint").await?, 1)?;
	}
	Ok(())
}

async fn listen() -> Outcome {
	let (client, mut connection) = config().dbname(&env("SESSION_DATABASE")).connect(NoTls).await?;
	let (tell, mut heard) = tokio::sync::mpsc::unbounded_channel();
	tokio::spawn(async move {
		let mut messages = stream::poll_fn(move |context| connection.poll_message(context));
		while let Some(Ok(message)) = messages.next().await {
			if let AsyncMessage::Notification(note) = message {
				let _ = tell.send(note.payload().to_string());
			}
		}
	});
	client.batch_execute("LISTEN news").await?;
	open().await?.batch_execute("NOTIFY news, 'hello'").await?;
	same(poll_fn(|context| heard.poll_recv(context)).await, Some("hello".to_string()))
}

async fn pool() -> Outcome {
	open().await?.batch_execute("CREATE TABLE pooled (i int)").await?;
	let workers = (0..8i32).map(|worker| {
		tokio::spawn(async move {
			let mut client = open().await?;
			let sum = client.prepare("SELECT $1::int + $2::int").await?;
			let add = client.prepare("INSERT INTO pooled VALUES ($1)").await?;
			for n in 0..20i32 {
				same(client.query_one(&sum, &[&n, &worker]).await?.get::<_, i32>(0), n + worker)?;
				let tx = client.transaction().await?;
				tx.execute(&add, &[&n]).await?;
				tx.commit().await?;
			}
			Outcome::Ok(())
		})
	});
	for done in join_all(workers).await {
		done??;
	}
	let mut client = open().await?;
	let tx = client.transaction().await?;
	same(tx.query_one("SELECT count(*) FROM pooled", &[]).await?.get::<_, i64>(0), 160)
}

async fn fresh() -> Outcome {
	let client = open().await?;
	client.batch_execute("CREATE TABLE fresh (i int)").await?;
	let add = client.prepare("INSERT INTO fresh VALUES ($1)").await?;
	for n in 0..30i32 {
		client.execute(&add, &[&n]).await?;
		same(number(&client, "SELECT count(*) FROM fresh").await?, n as i64 + 1)?;
	}
	Ok(())
}

async fn lost() -> Outcome {
	let clients = join_all((0..4).map(|_| open())).await.into_iter().collect::<Result<Vec<_>, _>>()?;
	let killer = open().await?;
	let mut statements = Vec::new();
	for client in &clients {
		statements.push(client.prepare("SELECT $1::int").await?);
	}
	for _ in 0..3 {
		number(&killer, KILL).await?;
		for (client, statement) in clients.iter().zip(&statements) {
			same(client.query_one(statement, &[&1i32]).await?.get::<_, i32>(0), 1)?;
		}
	}
	let mut client = open().await?;
	let tx = client.transaction().await?;
	tx.execute("INSERT INTO tx VALUES (111)", &[]).await?;
	number(&killer, KILL).await?;
	// The driver closes its statements behind our back: that may be what hears 08006.
	let lost = tx.execute("INSERT INTO tx VALUES (112)", &[]).await;
	let told = lost.as_ref().err().and_then(|error| error.code()).map(|state| state.code() == "25P02");
	refused(lost, if told == Some(true) { "25P02" } else { "08006" })?;
	tx.rollback().await?;
	same(number(&client, "SELECT count(*) FROM tx WHERE i > 110").await?, 0)
}

async fn reconnect() -> Outcome {
	let client = open().await?;
	let statement = client.prepare("SELECT $1::int").await?;
	for _ in 0..3 {
		console("RECONNECT")?;
		same(client.query_one(&statement, &[&1i32]).await?.get::<_, i32>(0), 1)?;
	}
	Ok(())
}

async fn admin() -> Outcome {
	let (client, connection) =
		config().dbname("pgweir").user("admin").password(env("ADMIN_PASSWORD")).connect(NoTls).await?;
	tokio::spawn(connection);
	same(client.simple_query("SHOW POOLS").await?.len() > 1, true)?;
	same(client.query("SHOW POOLS", &[]).await?[0].columns()[0].name(), "database")
}

async fn check<F: Future<Output = Outcome>>(name: &str, work: F) -> bool {
	match work.await {
		Ok(()) => {
			println!("ok {}", name);
			true
		}
		Err(error) => {
			println!("FAILED {}: {:?}", name, error);
			false
		}
	}
}

#[tokio::main(worker_threads = 2)]
async fn main() {
	let version = std::fs::read_dir("/usr/share/cargo/registry")
		.ok()
		.and_then(|entries| {
			entries
				.flatten()
				.filter_map(|entry| entry.file_name().into_string().ok())
				.find_map(|name| name.strip_prefix("tokio-postgres-").map(str::to_string))
		})
		.unwrap_or_else(|| "?".to_string());
	println!("version {}", version);
	let good = check("login", login()).await
		& check("types", types()).await
		& check("prepare", prepare()).await
		& check("transaction", transaction()).await
		& check("batch", batch()).await
		& check("copy", copy()).await
		& check("cursor", cursor()).await
		& check("cancel", cancel()).await
		& check("listen", listen()).await
		& check("pool", pool()).await
		& check("fresh", fresh()).await
		& check("lost", lost()).await
		& check("reconnect", reconnect()).await
		& check("admin", admin()).await;
	std::process::exit(!good as i32);
}
