# SPDX-License-Identifier: ISC
"""What the Python programs share: a check is a function, its name is printed with its verdict."""
import asyncio
import inspect
import os
import subprocess
import sys
import threading
import traceback

SPLIT = os.environ["SPLIT"] == "1"
SESSION = os.environ["SESSION_DATABASE"]
CLIENTS, ROUNDS = 8, 15
KILL = ("SELECT count(pg_terminate_backend(pid, 5000)) FROM pg_stat_activity WHERE usename = current_user"
        " AND datname = current_database() AND pid <> pg_backend_pid()")
found = []


def check(function):
    found.append(function)
    return function


def console(command):
    subprocess.run([os.environ["CONSOLE"], command], check=True, stdout=subprocess.DEVNULL)


def run(version):
    print("version", version)
    failed = 0
    for each in found:
        try:
            done = each()
            if inspect.isawaitable(done):
                asyncio.run(done)
            print("ok", each.__name__, flush=True)
        except Exception as error:
            failed = 1
            traceback.print_exc()
            print("FAILED %s: %s: %s" % (each.__name__, type(error).__name__,
                                         str(error).strip().replace("\n", " ")), flush=True)
    sys.exit(failed)


def at_once(work, count=CLIENTS):
    """work(number) in so many threads; the first error is raised."""
    errors = []

    def guarded(number):
        try:
            work(number)
        except Exception as error:
            errors.append(error)

    threads = [threading.Thread(target=guarded, args=(number,)) for number in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if errors:
        raise errors[0]
