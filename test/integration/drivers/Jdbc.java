// SPDX-License-Identifier: ISC
// pgjdbc: server-side statements from the fifth run on, batches, COPY, cancel.
import java.io.StringReader;
import java.sql.*;
import java.util.*;
import java.util.concurrent.*;
import org.postgresql.PGConnection;

public class Jdbc {
	static Connection open() throws Exception {
		return DriverManager.getConnection("jdbc:postgresql://127.0.0.1:" + System.getenv("PGPORT")
			+ "/app?user=app&sslmode=disable");
	}

	static void check(boolean holds, String what) {
		if (!holds)
			throw new IllegalStateException(what);
	}

	static void work(int number) throws Exception {
		try (Connection c = open();
		     PreparedStatement sum = c.prepareStatement("SELECT ?::int + ?::int");
		     PreparedStatement add = c.prepareStatement("INSERT INTO t VALUES (?, ?)")) {
			for (int n = 0; n < 20; n++) {
				sum.setInt(1, n);
				sum.setInt(2, number);
				try (ResultSet rows = sum.executeQuery()) {
					check(rows.next() && rows.getInt(1) == n + number, "sum");
				}
				c.setAutoCommit(false);
				for (int i = 0; i < 5; i++) {
					add.setInt(1, number);
					add.setString(2, "line " + i);
					add.addBatch();
				}
				add.executeBatch();
				if (n % 4 == 0)
					c.rollback();
				else
					c.commit();
				try (Statement s = c.createStatement()) {
					s.execute("SELECT 1/0");
					check(false, "no error");
				} catch (SQLException e) {
					check("22012".equals(e.getSQLState()), e.toString());
				}
				c.rollback();
				c.setAutoCommit(true);
			}
		}
	}

	public static void main(String[] args) throws Exception {
		try (Connection c = open(); Statement s = c.createStatement()) {
			s.execute("CREATE TABLE t (i int, line text)");
		}
		ExecutorService pool = Executors.newFixedThreadPool(6);
		List<Future<?>> all = new ArrayList<>();
		for (int n = 0; n < 6; n++) {
			int number = n;
			all.add(pool.submit(() -> { work(number); return null; }));
		}
		for (Future<?> each : all)
			each.get();
		pool.shutdown();
		try (Connection c = open(); Statement s = c.createStatement()) {
			ResultSet rows = s.executeQuery("SELECT count(*) FROM t");
			check(rows.next() && rows.getInt(1) == 6 * 15 * 5, "count " + rows.getInt(1));
			long copied = c.unwrap(PGConnection.class).getCopyAPI()
				.copyIn("COPY t FROM STDIN", new StringReader("1\ta\n2\tb\n"));
			check(copied == 2, "copy");
			s.setQueryTimeout(1);
			try {
				s.execute("SELECT pg_sleep(30)");
				check(false, "not cancelled");
			} catch (SQLException e) {
				check("57014".equals(e.getSQLState()), e.toString());
			}
			s.setQueryTimeout(0);
			c.setAutoCommit(false);
			s.setFetchSize(50);
			int count = 0;
			try (ResultSet cursor = s.executeQuery("SELECT * FROM t")) {
				while (cursor.next())
					count++;
			}
			check(count == 452, "cursor");
			c.commit();
		}
		System.out.println("ok");
	}
}
