// SPDX-License-Identifier: ISC
// pgjdbc: server-side statements from the fifth run on, batches, COPY, fetch size; HikariCP.
import com.zaxxer.hikari.*;
import java.io.*;
import java.math.BigDecimal;
import java.sql.*;
import java.time.*;
import java.util.*;
import java.util.concurrent.*;
import org.postgresql.PGConnection;

public class UseJdbc {
	static final String KILL = "SELECT count(pg_terminate_backend(pid, 5000)) FROM pg_stat_activity WHERE usename ="
		+ " current_user AND datname = current_database() AND pid <> pg_backend_pid()";
	static boolean failed = false;

	interface Work {
		void run() throws Exception;
	}

	static String env(String name) {
		return System.getenv(name);
	}

	static String url(String database) {
		return "jdbc:postgresql://" + env("PGHOST") + ":" + env("PGPORT") + "/" + database;
	}

	static Connection connect(String database, String user, String password, String... options) throws Exception {
		Properties properties = new Properties();
		properties.put("user", user);
		properties.put("password", password);
		for (int n = 0; n < options.length; n += 2)
			properties.put(options[n], options[n + 1]);
		return DriverManager.getConnection(url(database), properties);
	}

	static Connection open(String... options) throws Exception {
		return connect(env("PGDATABASE"), env("PGUSER"), env("PGPASSWORD"), options);
	}

	static void same(Object got, Object wanted) {
		if (!Objects.equals(got, wanted))
			throw new IllegalStateException("got " + got + ", not " + wanted);
	}

	static void refused(String state, Work work) throws Exception {
		try {
			work.run();
		} catch (SQLException e) {
			if (!state.equals(e.getSQLState()))
				throw e;
			return;
		}
		throw new IllegalStateException("no error");
	}

	static void check(String name, Work work) {
		try {
			work.run();
			System.out.println("ok " + name);
		} catch (Throwable e) {
			failed = true;
			e.printStackTrace(System.out);
			System.out.println("FAILED " + name + ": " + e.toString().replaceAll("\\s+", " "));
		}
	}

	static Object value(Connection c, String sql, Object... parameters) throws SQLException {
		try (PreparedStatement s = c.prepareStatement(sql)) {
			for (int n = 0; n < parameters.length; n++)
				s.setObject(n + 1, parameters[n]);
			try (ResultSet rows = s.executeQuery()) {
				rows.next();
				return rows.getObject(1);
			}
		}
	}

	static void run(Connection c, String sql) throws SQLException {
		try (Statement s = c.createStatement()) {
			s.execute(sql);
		}
	}

	static void console(String command) throws Exception {
		same(new ProcessBuilder(env("CONSOLE"), command).redirectErrorStream(true)
			.redirectOutput(ProcessBuilder.Redirect.DISCARD).start().waitFor(), 0);
	}

	static void atOnce(int count, java.util.function.IntFunction<Callable<Object>> work) throws Exception {
		ExecutorService pool = Executors.newFixedThreadPool(count);
		List<Future<Object>> all = new ArrayList<>();
		for (int n = 0; n < count; n++)
			all.add(pool.submit(work.apply(n)));
		for (Future<Object> each : all)
			each.get();
		pool.shutdown();
	}

	static void types() throws Exception {
		try (Connection c = open(); PreparedStatement s = c.prepareStatement(
			"SELECT ?::date, ?::numeric, ?::int[], ?::text, ?::bool, ?::jsonb, ?::int, ?::bytea, ?::timestamptz")) {
			OffsetDateTime at = OffsetDateTime.of(2024, 2, 29, 1, 2, 3, 4000, ZoneOffset.UTC);
			for (int n = 0; n < 8; n++) { // text results first, binary ones from the fifth run on
				s.setObject(1, LocalDate.of(2024, 2, 29));
				s.setBigDecimal(2, new BigDecimal("12345678901234567890.123"));
				s.setArray(3, c.createArrayOf("int4", new Integer[] { 1, 2, null }));
				s.setString(4, "Grüße, 世界 🐘");
				s.setBoolean(5, true);
				s.setString(6, "{\"a\": [1, null]}");
				s.setNull(7, Types.INTEGER);
				s.setBytes(8, new byte[] { 0, -1, '\\', '\'' });
				s.setObject(9, at);
				try (ResultSet r = s.executeQuery()) {
					r.next();
					same(r.getObject(1, LocalDate.class), LocalDate.of(2024, 2, 29));
					same(r.getBigDecimal(2), new BigDecimal("12345678901234567890.123"));
					same(Arrays.asList((Object[]) r.getArray(3).getArray()), Arrays.asList(1, 2, null));
					same(r.getString(4), "Grüße, 世界 🐘");
					same(r.getBoolean(5), true);
					same(r.getString(6), "{\"a\": [1, null]}");
					same(r.getObject(7), null);
					same(Arrays.equals(r.getBytes(8), new byte[] { 0, -1, '\\', '\'' }), true);
					same(r.getObject(9, OffsetDateTime.class), at);
				}
			}
		}
	}

	static void prepare() throws Exception {
		for (String threshold : new String[] { "-1", "0", "1", "5" }) {
			List<Connection> all = new ArrayList<>();
			for (int n = 0; n < 3; n++)
				all.add(open("prepareThreshold", threshold, "preparedStatementCacheQueries", "3"));
			List<PreparedStatement> statements = new ArrayList<>();
			for (Connection c : all)
				statements.add(c.prepareStatement("SELECT ?::int * 2"));
			for (int n = 0; n < 20; n++) {
				for (PreparedStatement s : statements) {
					s.setInt(1, n);
					try (ResultSet rows = s.executeQuery()) {
						rows.next();
						same(rows.getInt(1), 2 * n);
					}
				}
				same(value(all.get(0), "SELECT ?::int + " + n, 1), n + 1); // evicts and closes
			}
			for (Connection c : all)
				c.close();
		}
		try (Connection c = open("preferQueryMode", "simple")) {
			same(value(c, "SELECT ?::int", 1), 1);
		}
	}

	static void transaction() throws Exception {
		try (Connection c = open(); Statement s = c.createStatement()) {
			s.execute("CREATE TABLE tx (i int PRIMARY KEY)");
			c.setAutoCommit(false);
			PreparedStatement add = c.prepareStatement("INSERT INTO tx VALUES (?)");
			for (int n = 0; n < 10; n++) {
				add.setInt(1, n);
				add.executeUpdate();
				Savepoint savepoint = c.setSavepoint();
				refused("23505", add::executeUpdate);
				c.rollback(savepoint);
				if (n % 2 == 1) {
					c.commit();
					continue;
				}
				refused("22012", () -> s.execute("SELECT 1/0"));
				refused("25P02", () -> s.execute("SELECT 1"));
				c.rollback();
			}
			c.setTransactionIsolation(Connection.TRANSACTION_SERIALIZABLE);
			same(value(c, "SELECT count(*) FROM tx"), 5L);
			c.rollback();
			c.setReadOnly(true);
			refused("25006", () -> run(c, "INSERT INTO tx VALUES (77)"));
			c.rollback();
		}
		// The driver sets a savepoint of its own before each statement.
		try (Connection c = open("autosave", "always")) {
			c.setAutoCommit(false);
			for (int n = 0; n < 10; n++) {
				refused("22012", () -> value(c, "SELECT 1 / ?::int", 0));
				same(value(c, "SELECT ?::int", n), n);
			}
			c.commit();
		}
	}

	static void batch() throws Exception {
		for (String rewrite : new String[] { "false", "true" })
			try (Connection c = open("reWriteBatchedInserts", rewrite)) {
				run(c, "DROP TABLE IF EXISTS batch; CREATE TABLE batch (i int PRIMARY KEY, line text)");
				PreparedStatement add = c.prepareStatement("INSERT INTO batch VALUES (?, ?)");
				for (int n = 0; n < 1000; n++) {
					add.setInt(1, n);
					add.setString(2, "line " + n);
					add.addBatch();
				}
				same(add.executeBatch().length, 1000);
				for (int n : new int[] { 1001, 1, 1002 }) {
					add.setInt(1, n);
					add.addBatch();
				}
				refused("23505", add::executeBatch);
				PreparedStatement keys = c.prepareStatement("INSERT INTO batch VALUES (2000, 'x')",
					Statement.RETURN_GENERATED_KEYS);
				keys.executeUpdate();
				ResultSet made = keys.getGeneratedKeys();
				same(made.next() && made.getInt(1) == 2000, true);
				c.setAutoCommit(false);
				same(value(c, "SELECT count(*) FROM batch"), 1001L);
			}
	}

	static void copy() throws Exception {
		try (Connection c = open()) {
			run(c, "CREATE TABLE copied (i int, line text)");
			StringBuilder lines = new StringBuilder();
			for (int n = 0; n < 5000; n++)
				lines.append(n).append("\tsome text of a line\n");
			var copying = c.unwrap(PGConnection.class).getCopyAPI();
			same(copying.copyIn("COPY copied FROM STDIN", new StringReader(lines.toString())), 5000L);
			StringWriter out = new StringWriter();
			same(copying.copyOut("COPY copied TO STDOUT", out), 5000L);
			same(out.toString().length(), lines.length());
			refused("22P02", () -> copying.copyIn("COPY copied FROM STDIN", new StringReader("x\ty\n")));
			var cancelled = copying.copyIn("COPY copied FROM STDIN");
			cancelled.writeToCopy("1\ta\n".getBytes(), 0, 4);
			cancelled.cancelCopy();
			same(value(c, "SELECT count(*) >= 5000 FROM copied"), true);
		}
	}

	static void cursor() throws Exception {
		try (Connection c = open(); PreparedStatement s = c.prepareStatement("SELECT generate_series(1, ?)")) {
			c.setAutoCommit(false);
			for (int n = 0; n < 7; n++) {
				s.setFetchSize(300);
				s.setInt(1, 5000);
				int sum = 0;
				try (ResultSet rows = s.executeQuery()) {
					while (rows.next())
						sum += rows.getInt(1);
				}
				same(sum, 5000 * 5001 / 2);
			}
			c.commit();
		}
	}

	static void cancel() throws Exception {
		try (Connection c = open(); Statement s = c.createStatement()) {
			for (int n = 0; n < 3; n++) {
				Timer timer = new Timer(true);
				timer.schedule(new TimerTask() {
					public void run() {
						try {
							s.cancel();
						} catch (SQLException e) {
							e.printStackTrace(System.out);
						}
					}
				}, 200);
				refused("57014", () -> s.execute("SELECT pg_sleep(30)"));
				timer.cancel();
				same(value(c, "SELECT ?::int", 1), 1);
			}
			s.setQueryTimeout(1);
			refused("57014", () -> s.execute("SELECT pg_sleep(30)"));
			same(value(c, "SELECT ?::int", 1), 1);
		}
	}

	static void listen() throws Exception {
		try (Connection c = connect(env("SESSION_DATABASE"), env("PGUSER"), env("PGPASSWORD")); Connection other = open()) {
			run(c, "LISTEN news");
			run(other, "NOTIFY news, 'hello'");
			var heard = c.unwrap(PGConnection.class).getNotifications(10000);
			same(heard[0].getParameter(), "hello");
		}
	}

	static HikariDataSource hikari(int size) {
		HikariConfig config = new HikariConfig();
		config.setJdbcUrl(url(env("PGDATABASE")));
		config.setUsername(env("PGUSER"));
		config.setPassword(env("PGPASSWORD"));
		config.setMaximumPoolSize(size);
		return new HikariDataSource(config);
	}

	static void pool() throws Exception {
		try (HikariDataSource source = hikari(8)) {
			try (Connection c = source.getConnection()) {
				run(c, "CREATE TABLE pooled (i int)");
			}
			atOnce(8, number -> () -> {
				for (int n = 0; n < 20; n++)
					try (Connection c = source.getConnection()) {
						for (int i = 0; i < 3; i++)
							same(value(c, "SELECT ?::int + ?::int", n, number), n + number);
						c.setAutoCommit(false);
						PreparedStatement add = c.prepareStatement("INSERT INTO pooled VALUES (?)");
						add.setInt(1, n);
						add.executeUpdate();
						c.commit();
					}
				return null;
			});
			try (Connection c = source.getConnection()) {
				c.setAutoCommit(false);
				same(value(c, "SELECT count(*) FROM pooled"), 160L);
			}
		}
	}

	static void fresh() throws Exception {
		try (Connection c = open()) {
			run(c, "CREATE TABLE fresh (i int)");
			PreparedStatement add = c.prepareStatement("INSERT INTO fresh VALUES (?)");
			for (int n = 0; n < 30; n++) {
				add.setInt(1, n);
				add.executeUpdate();
				same(value(c, "SELECT count(*) FROM fresh WHERE i >= ?", 0), n + 1L);
			}
		}
	}

	static int columns(PreparedStatement all) throws SQLException {
		try (ResultSet rows = all.executeQuery()) {
			rows.next();
			return rows.getMetaData().getColumnCount();
		}
	}

	static void ddl() throws Exception {
		try (Connection c = open(); Connection other = open()) {
			run(c, "CREATE TABLE changing (i int); INSERT INTO changing VALUES (1)");
			PreparedStatement first = c.prepareStatement("SELECT * FROM changing");
			PreparedStatement second = other.prepareStatement("SELECT * FROM changing");
			for (int n = 0; n < 8; n++)
				same(columns(first) + columns(second), 2);
			run(c, "ALTER TABLE changing ADD COLUMN j int DEFAULT 2");
			same(columns(first) + columns(second), 4);
		}
	}

	static void lost() throws Exception {
		try (HikariDataSource source = hikari(4); Connection killer = open()) {
			for (int round = 0; round < 3; round++) {
				List<Connection> idle = new ArrayList<>();
				for (int n = 0; n < 4; n++) {
					idle.add(source.getConnection());
					for (int i = 0; i < 6; i++)
						same(value(idle.get(n), "SELECT ?::int", 1), 1);
				}
				value(killer, KILL);
				for (Connection c : idle)
					same(value(c, "SELECT ?::int", 1), 1);
				for (Connection c : idle)
					c.close();
			}
			try (Connection c = open()) {
				c.setAutoCommit(false);
				run(c, "INSERT INTO tx VALUES (111)");
				value(killer, KILL);
				refused("08006", () -> run(c, "INSERT INTO tx VALUES (112)"));
				c.rollback();
				same(value(c, "SELECT count(*) FROM tx WHERE i > 110"), 0L);
			}
		}
	}

	static void reconnect() throws Exception {
		try (HikariDataSource source = hikari(4)) {
			for (int n = 0; n < 3; n++) {
				console("RECONNECT");
				atOnce(4, number -> () -> {
					try (Connection c = source.getConnection()) {
						for (int i = 0; i < 6; i++)
							same(value(c, "SELECT ?::int", 1), 1);
					}
					return null;
				});
			}
		}
	}

	static void admin() throws Exception {
		for (String mode : new String[] { "extended", "simple" })
			try (Connection c = connect("pgweir", "admin", env("ADMIN_PASSWORD"), "preferQueryMode", mode);
			     ResultSet rows = c.createStatement().executeQuery("SHOW POOLS")) {
				same(rows.next(), true);
				rows.getLong("cl_active");
			}
	}

	public static void main(String[] args) throws Exception {
		System.out.println("version " + org.postgresql.util.DriverInfo.DRIVER_VERSION);
		check("login", () -> {
			try (Connection c = open()) {
				same(value(c, "SELECT current_user::text"), env("PGUSER"));
				same(c.getMetaData().getTables(null, "pg_catalog", "pg_class", null).next(), true);
			}
		});
		check("types", UseJdbc::types);
		check("prepare", UseJdbc::prepare);
		check("transaction", UseJdbc::transaction);
		check("batch", UseJdbc::batch);
		check("copy", UseJdbc::copy);
		check("cursor", UseJdbc::cursor);
		check("cancel", UseJdbc::cancel);
		check("listen", UseJdbc::listen);
		check("pool", UseJdbc::pool);
		check("fresh", UseJdbc::fresh);
		check("ddl", UseJdbc::ddl);
		check("lost", UseJdbc::lost);
		check("reconnect", UseJdbc::reconnect);
		check("admin", UseJdbc::admin);
		System.exit(failed ? 1 : 0);
	}
}
