# SPDX-License-Identifier: ISC
# ruby-pg: simple, extended and named statements as called, pipelines, COPY, cancel.
require 'pg'
require 'bigdecimal'

$stdout.sync = true
KILL = 'SELECT count(pg_terminate_backend(pid, 5000)) FROM pg_stat_activity WHERE usename = current_user' \
       ' AND datname = current_database() AND pid <> pg_backend_pid()'
$failed = false

def check(name)
  yield
  puts "ok #{name}"
rescue StandardError => e
  $failed = true
  warn e.full_message(highlight: false)
  puts "FAILED #{name}: #{e.class}: #{e.message.gsub(/\s+/, ' ')}"
end

def same(got, wanted)
  raise "got #{got.inspect}, not #{wanted.inspect}" unless got == wanted
end

def refused(error)
  yield
rescue error
  nil
else
  raise 'no error'
end

def connect(**options)
  PG.connect(**options)
end

def value(connection, sql, parameters = [])
  connection.exec_params(sql, parameters).getvalue(0, 0)
end

puts "version #{PG::VERSION}, libpq #{PG.library_version}"

check('login') { same(value(connect, 'SELECT current_user'), ENV['PGUSER']) }

check('types') do
  connection = connect
  connection.type_map_for_results = PG::BasicTypeMapForResults.new(connection)
  connection.type_map_for_queries = PG::BasicTypeMapForQueries.new(connection)
  row = connection.exec_params('SELECT $1::date, $2::numeric, $3::int[], $4::text, $5::bool, $6::jsonb',
                               [Date.new(2024, 2, 29), BigDecimal('1234567890.123'), [1, 2, nil],
                                'Grüße, 世界 🐘', true, '{"a": [1]}']).values[0]
  same(row, [Date.new(2024, 2, 29), BigDecimal('1234567890.123'), [1, 2, nil], 'Grüße, 世界 🐘', true,
             { 'a' => [1] }])
  bytes = "\0\xff\\'".b
  got = connect.exec_params('SELECT $1::bytea', [{ value: bytes, format: 1 }], 1).getvalue(0, 0)
  same(got, bytes)
end

check('prepare') do
  all = Array.new(6) { connect }
  all.each { |connection| connection.prepare('double', 'SELECT $1::int * 2') }
  20.times do |n|
    all.each { |connection| same(connection.exec_prepared('double', [n]).getvalue(0, 0), (2 * n).to_s) }
  end
  same(all[0].describe_prepared('double').nparams, 1)
  all[0].exec('DEALLOCATE double')
  refused(PG::InvalidSqlStatementName) { all[0].exec_prepared('double', [1]) }
  refused(PG::DuplicatePstatement) { all[1].prepare('double', 'SELECT 1') }
  same(all[1].exec_prepared('double', [1]).getvalue(0, 0), '2')
  # The same name is another statement on another connection.
  all[0].prepare('double', 'SELECT $1::int * 20')
  same(all[0].exec_prepared('double', [1]).getvalue(0, 0), '20')
  same(all[2].exec_prepared('double', [1]).getvalue(0, 0), '2')
end

check('transaction') do
  connection = connect
  connection.exec('CREATE TABLE tx (i int PRIMARY KEY)')
  10.times do |n|
    connection.transaction do
      connection.exec_params('INSERT INTO tx VALUES ($1)', [n])
      connection.exec('SAVEPOINT s')
      refused(PG::UniqueViolation) { connection.exec_params('INSERT INTO tx VALUES ($1)', [n]) }
      connection.exec('ROLLBACK TO s')
      connection.exec('SELECT 1/0') if n.odd?
    end
  rescue PG::DivisionByZero
    nil
  end
  same(value(connection, 'SELECT count(*) FROM tx'), '5')
end

check('batch') do
  connection = connect
  connection.exec('CREATE TABLE batch (i int PRIMARY KEY)')
  connection.enter_pipeline_mode
  300.times { |n| connection.send_query_params('INSERT INTO batch VALUES ($1) RETURNING i', [n]) }
  connection.pipeline_sync
  [301, 1, 302].each { |n| connection.send_query_params('INSERT INTO batch VALUES ($1)', [n]) }
  connection.pipeline_sync
  good = []
  300.times do
    good << connection.get_result.getvalue(0, 0).to_i
    connection.get_result
  end
  same(good, (0...300).to_a)
  same(connection.get_result.result_status, PG::PGRES_PIPELINE_SYNC)
  states = []
  until (last = connection.get_result)&.result_status == PG::PGRES_PIPELINE_SYNC
    states << last.result_status if last
  end
  same(states, [PG::PGRES_COMMAND_OK, PG::PGRES_FATAL_ERROR, PG::PGRES_PIPELINE_ABORTED])
  connection.exit_pipeline_mode
  same(value(connection, 'SELECT count(*) FROM batch'), '300')
end

check('copy') do
  connection = connect
  connection.exec('CREATE TABLE copied (i int, line text)')
  connection.copy_data('COPY copied FROM STDIN') do
    5000.times { |n| connection.put_copy_data("#{n}\t#{'x' * 80}\n") }
  end
  count = 0
  connection.copy_data('COPY copied TO STDOUT') { count += 1 while connection.get_copy_data }
  same(count, 5000)
  refused(PG::InvalidTextRepresentation) do
    connection.copy_data('COPY copied FROM STDIN') { connection.put_copy_data("no number\tx\n") }
  end
  same(value(connection, 'SELECT count(*) FROM copied'), '5000')
end

check('cursor') do
  connection = connect
  connection.send_query('SELECT generate_series(1, 5000)')
  connection.set_single_row_mode
  sum = 0
  connection.get_result.stream_each { |row| sum += row['generate_series'].to_i }
  connection.get_result
  same(sum, 5000 * 5001 / 2)
end

check('cancel') do
  connection = connect
  3.times do
    connection.send_query('SELECT pg_sleep(30)')
    sleep 0.2
    same(connection.cancel, nil)
    refused(PG::QueryCanceled) { connection.get_last_result }
    same(value(connection, 'SELECT 1'), '1')
  end
end

check('listen') do
  connection = connect(dbname: ENV['SESSION_DATABASE'])
  connection.exec('LISTEN news')
  connect.exec("NOTIFY news, 'hello'")
  heard = nil
  connection.wait_for_notify(10) { |_, _, payload| heard = payload }
  same(heard, 'hello')
end

check('pool') do
  connect.exec('CREATE TABLE pooled (i int)')
  Array.new(8) do |number|
    Thread.new do
      connection = connect
      connection.prepare('sum', 'SELECT $1::int + $2::int')
      connection.prepare('add', 'INSERT INTO pooled VALUES ($1)')
      15.times do |n|
        same(connection.exec_prepared('sum', [n, number]).getvalue(0, 0), (n + number).to_s)
        connection.transaction { connection.exec_prepared('add', [n]) }
      end
    end
  end.each(&:join)
  connect.transaction { |c| same(value(c, 'SELECT count(*) FROM pooled'), '120') }
end

check('fresh') do
  connection = connect
  connection.exec('CREATE TABLE fresh (i int)')
  connection.prepare('count', 'SELECT count(*) FROM fresh WHERE i >= $1')
  30.times do |n|
    connection.exec_params('INSERT INTO fresh VALUES ($1)', [n])
    same(connection.exec_prepared('count', [0]).getvalue(0, 0), (n + 1).to_s)
  end
end

check('ddl') do
  all = Array.new(3) { connect }
  all[0].exec('CREATE TABLE changing (i int); INSERT INTO changing VALUES (1)')
  all.each do |connection|
    connection.transaction do
      connection.prepare('all', 'SELECT * FROM changing')
      same(connection.exec_prepared('all').values, [['1']])
    end
  end
  all[0].exec('ALTER TABLE changing ADD COLUMN j int DEFAULT 2')
  all.each { |connection| same(connection.exec_prepared('all').values, [%w[1 2]]) }
end

check('lost') do
  idle = Array.new(4) { connect }
  killer = connect
  idle.each { |connection| connection.prepare('one', 'SELECT $1::int') }
  killer.exec(KILL)
  idle.each { |connection| same(connection.exec_prepared('one', [1]).getvalue(0, 0), '1') }
  connection = idle[0]
  connection.exec('BEGIN')
  connection.exec('INSERT INTO tx VALUES (111)')
  killer.exec(KILL)
  refused(PG::ConnectionFailure) { connection.exec('INSERT INTO tx VALUES (112)') }
  connection.exec('ROLLBACK')
  same(value(connection, 'SELECT count(*) FROM tx WHERE i > 110'), '0')
end

check('reconnect') do
  all = Array.new(4) { connect }
  all.each { |connection| connection.prepare('one', 'SELECT $1::int') }
  3.times do
    system(ENV['CONSOLE'], 'RECONNECT', out: File::NULL, exception: true)
    all.each { |connection| same(connection.exec_prepared('one', [1]).getvalue(0, 0), '1') }
  end
end

check('admin') do
  connection = connect(dbname: 'pgweir', user: 'admin', password: ENV['ADMIN_PASSWORD'])
  raise 'no pools' unless connection.exec('SHOW POOLS')[0].key?('cl_active')

  connection.exec_params('SHOW POOLS', [])
end

exit !$failed
