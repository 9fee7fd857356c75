# SPDX-License-Identifier: ISC
# ActiveRecord: named statements by default (prepared_statements: true), its pool, migrations.
require 'active_record'

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

def base
  ActiveRecord::Base.connection
end

puts "version #{ActiveRecord::VERSION::STRING}"
ActiveRecord::Base.establish_connection(
  adapter: 'postgresql', host: ENV['PGHOST'], port: ENV['PGPORT'], username: ENV['PGUSER'],
  password: ENV['PGPASSWORD'], database: ENV['PGDATABASE'], pool: 8, advisory_locks: false
)

class Thing < ActiveRecord::Base
end

class CreateThings < ActiveRecord::Migration[6.1]
  def change
    create_table :things do |t|
      t.text :name, index: { unique: true }
      t.date :born
      t.column :at, :timestamptz
      t.decimal :paid, precision: 20, scale: 3
      t.text :tags, array: true
      t.jsonb :more
      t.binary :picture
      t.timestamps
    end
  end
end

check('login') { same(base.select_value('SELECT current_user'), ENV['PGUSER']) }

check('types') do
  ActiveRecord::Migration.suppress_messages { CreateThings.migrate(:up) }
  given = { name: 'Grüße, 世界 🐘', born: Date.new(2024, 2, 29), at: Time.utc(2024, 2, 29, 1, 2, 3),
            paid: BigDecimal('1234567.125'), tags: ['a,b', 'c"d'], more: { 'a' => [1, nil] },
            picture: "\0\xff\\'".b }
  Thing.create!(given)
  thing = Thing.find_by!(name: given[:name])
  given.each { |name, wanted| same(thing[name], wanted) }
end

check('prepare') do
  20.times { |n| same(Thing.where(id: n + 1000).count, 0) }
  base.clear_cache! # DEALLOCATE of all
  20.times { |n| same(Thing.where(id: n + 1000).count, 0) }
end

check('transaction') do
  10.times do |n|
    Thing.transaction do
      Thing.create!(name: "tx #{n}")
      begin
        Thing.transaction(requires_new: true) { Thing.create!(name: "tx #{n}") }
      rescue ActiveRecord::RecordNotUnique
        nil
      end
      base.execute('SELECT 1/0') if n.odd?
    end
  rescue ActiveRecord::StatementInvalid
    nil
  end
  same(Thing.where("name LIKE 'tx%'").count, 5)
end

check('batch') do
  Thing.insert_all(Array.new(500) { |n| { name: "batch #{n}", created_at: Time.now, updated_at: Time.now } })
  same(Thing.where("name LIKE 'batch%'").update_all(paid: 1), 500)
end

check('cursor') { same(Thing.where(paid: 1).find_each(batch_size: 70).count, 500) }

check('pool') do
  Array.new(8) do |number|
    Thread.new do
      15.times do |n|
        ActiveRecord::Base.connection_pool.with_connection do
          Thing.transaction { Thing.create!(name: "pool #{number} #{n}") }
          same(Thing.where(name: "pool #{number} #{n}").count, 1)
        end
      end
    end
  end.each(&:join)
  Thing.transaction { same(Thing.where("name LIKE 'pool%'").count, 120) }
end

check('fresh') do
  30.times do |n|
    Thing.create!(name: "fresh #{n}")
    same(Thing.where("name LIKE 'fresh%'").count, n + 1)
  end
end

check('ddl') do
  same(Thing.find_by(name: 'fresh 1').attributes.key?('extra'), false)
  base.add_column(:things, :extra, :integer, default: 2)
  Thing.reset_column_information
  same(Thing.find_by(name: 'fresh 1').extra, 2)
end

check('lost') do
  base.select_value(KILL)
  same(Thing.where(paid: 1).count, 500)
  begin
    Thing.transaction do
      Thing.create!(name: 'lost')
      Thread.new { ActiveRecord::Base.connection_pool.with_connection { base.select_value(KILL) } }.join
      Thing.create!(name: 'lost too')
    end
    raise 'a lost transaction goes on'
  rescue ActiveRecord::StatementInvalid => e
    raise unless e.cause.is_a?(PG::ConnectionFailure)
  end
  same(Thing.where("name LIKE 'lost%'").count, 0)
end

check('reconnect') do
  3.times do
    system(ENV['CONSOLE'], 'RECONNECT', out: File::NULL, exception: true)
    same(Thing.where(paid: 1).count, 500)
  end
end

exit !$failed
