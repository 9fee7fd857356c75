// SPDX-License-Identifier: ISC
// pgjdbc on the console: extended and simple protocol, with and without autocommit.
import java.sql.*;

public class ConsoleJdbc {
	static int rows(Connection c, String sql) throws Exception {
		int count = 0;
		try (Statement s = c.createStatement(); ResultSet rows = s.executeQuery(sql)) {
			while (rows.next())
				count++;
		}
		return count;
	}

	static void check(boolean holds, String what) {
		if (!holds)
			throw new IllegalStateException(what);
	}

	static void look(String mode, boolean autocommit) throws Exception {
		try (Connection c = DriverManager.getConnection("jdbc:postgresql://127.0.0.1:"
			+ System.getenv("PGPORT") + "/pgbouncer?user=admin&sslmode=disable&preferQueryMode=" + mode)) {
			c.setAutoCommit(autocommit);
			for (int n = 0; n < 8; n++) {
				check(rows(c, "SHOW POOLS") > 0, "pools");
				check(rows(c, "SHOW CONFIG") > 80, "config");
				check(rows(c, "SHOW STATS;") > 0, "stats");
			}
			try (PreparedStatement s = c.prepareStatement("SHOW DATABASES")) {
				for (int n = 0; n < 8; n++)
					try (ResultSet rows = s.executeQuery()) {
						check(rows.next() && rows.getInt("pool_size") == 20, "pool_size");
					}
			}
			try (Statement s = c.createStatement()) {
				s.execute("RELOAD");
				s.execute("PAUSE app");
				s.execute("RESUME app");
				s.execute("SET default_pool_size = 20");
				try {
					s.execute("NONSENSE");
					check(false, "no error");
				} catch (SQLException e) {
					check(e.getSQLState().equals("08P01"), e.getSQLState());
				}
			}
			if (!autocommit)
				c.rollback();
			check(c.isValid(1), "valid");
		}
	}

	public static void main(String[] arguments) throws Exception {
		for (String mode : new String[] { "extended", "simple", "extendedForPrepared", "extendedCacheEverything" })
			for (boolean autocommit : new boolean[] { true, false })
				look(mode, autocommit);
		System.out.println("ok");
	}
}
