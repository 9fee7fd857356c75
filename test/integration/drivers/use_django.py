# SPDX-License-Identifier: ISC
"""Django over psycopg2: migrations, ORM, atomic blocks, persistent connections, server-side cursors."""
import datetime
import decimal
import os
import sys
import types as modules

import django
from django.conf import settings

from checks import CLIENTS, KILL, ROUNDS, at_once, check, console, run

settings.configure(
    INSTALLED_APPS=["django.contrib.contenttypes", "django.contrib.auth", "django.contrib.sessions"],
    DATABASES={"default": {
        "ENGINE": "django.db.backends.postgresql", "NAME": os.environ["PGDATABASE"],
        "USER": os.environ["PGUSER"], "PASSWORD": os.environ["PGPASSWORD"],
        "HOST": os.environ["PGHOST"], "PORT": os.environ["PGPORT"], "CONN_MAX_AGE": None}},
    USE_TZ=True, TIME_ZONE="Europe/Berlin", DEFAULT_AUTO_FIELD="django.db.models.AutoField")
sys.modules["shop"] = modules.ModuleType("shop")
django.setup()

from django.contrib.auth.models import User  # noqa: E402
from django.core.management import call_command  # noqa: E402
from django.db import DatabaseError, IntegrityError, connection, models, transaction as tx  # noqa: E402
from django.contrib.postgres.fields import ArrayField  # noqa: E402


class Thing(models.Model):
    name = models.TextField(unique=True)
    born = models.DateField(null=True)
    at = models.DateTimeField(null=True)
    paid = models.DecimalField(max_digits=20, decimal_places=3, null=True)
    tags = ArrayField(models.TextField(), null=True)
    more = models.JSONField(null=True)
    picture = models.BinaryField(null=True)

    class Meta:
        app_label = "shop"


def value(sql):
    with connection.cursor() as cursor:
        cursor.execute(sql)
        return cursor.fetchone()[0]


@check
def login():
    assert value("SELECT current_user") == os.environ["PGUSER"]


@check
def ddl():
    """Migrations: DDL in transactions, then the tables in use by other connections."""
    call_command("migrate", verbosity=0)
    with connection.schema_editor() as editor:
        editor.create_model(Thing)
    User.objects.create_user("somebody", password="secret")
    assert User.objects.get(username="somebody").check_password("secret")


@check
def types():
    given = dict(name="Grüße, 世界 🐘", born=datetime.date(2024, 2, 29), paid=decimal.Decimal("1234567.125"),
                 tags=["a,b", 'c"d'], more={"a": [1, None]},
                 at=datetime.datetime(2024, 2, 29, 1, 2, 3, 4, datetime.timezone.utc))
    Thing.objects.create(picture=b"\0\xff\\'", **given)
    thing = Thing.objects.get(name=given["name"])
    assert {name: getattr(thing, name) for name in given} == given
    assert bytes(thing.picture) == b"\0\xff\\'"


@check
def transaction():
    for n in range(10):
        try:
            with tx.atomic():
                Thing.objects.create(name="tx %d" % n)
                try:
                    with tx.atomic():
                        Thing.objects.create(name="tx %d" % n)
                except IntegrityError:
                    pass
                if n % 2:
                    value("SELECT 1/0")
        except DatabaseError:
            pass
    assert Thing.objects.filter(name__startswith="tx").count() == 5


@check
def batch():
    Thing.objects.bulk_create([Thing(name="batch %d" % n) for n in range(500)], batch_size=100)
    Thing.objects.filter(name__startswith="batch").update(paid=1)
    assert Thing.objects.filter(paid=1).count() == 500


@check
def cursor():
    """In a transaction: outside of one Django declares its cursor WITH HOLD, unless told not to."""
    with tx.atomic():
        assert sum(1 for _ in Thing.objects.filter(paid=1).iterator(chunk_size=100)) == 500
    connection.settings_dict["DISABLE_SERVER_SIDE_CURSORS"] = True
    assert sum(1 for _ in Thing.objects.filter(paid=1).iterator(chunk_size=100)) == 500


@check
def pool():
    """A thread has a connection, as a worker of a server has."""
    def work(number):
        for n in range(ROUNDS):
            with tx.atomic():
                Thing.objects.create(name="pool %d %d" % (number, n))
                assert Thing.objects.filter(name="pool %d %d" % (number, n)).exists()
        connection.close()

    at_once(work)
    with tx.atomic():
        assert Thing.objects.filter(name__startswith="pool").count() == CLIENTS * ROUNDS


@check
def fresh():
    for n in range(30):
        Thing.objects.create(name="fresh %d" % n)
        assert Thing.objects.filter(name__startswith="fresh").count() == n + 1


@check
def lost():
    def kill(_):
        value(KILL)
        connection.close()

    session = connection.connection
    at_once(kill, 1)
    assert Thing.objects.filter(paid=1).count() == 500
    try:
        with tx.atomic():
            Thing.objects.create(name="lost")
            at_once(kill, 1)
            Thing.objects.create(name="lost too")
        raise AssertionError("a lost transaction goes on")
    except DatabaseError as error:
        assert error.__cause__.pgcode == "08006", error
    assert Thing.objects.filter(name__startswith="lost").count() == 0
    assert connection.connection is session, "the connection was lost"


@check
def reconnect():
    for _ in range(3):
        console("RECONNECT")
        assert Thing.objects.filter(paid=1).count() == 500


run(django.get_version())
