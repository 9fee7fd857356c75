# SPDX-License-Identifier: ISC
"""auth_type = pam: passwords that PAM judges. pam_wrapper takes the place of /etc/pam.d."""
import glob
import os
import shutil
import stat
import subprocess
import tempfile

import pytest

from harness import wire
from harness.cluster import give, is_alive
from harness.helpers import many, refusal

FOUND = [path for folder in ("/usr/lib", "/usr/lib64", "/usr/lib/*-linux-*")
         for path in glob.glob(folder + "/libpam_wrapper.so")]
TALK = os.path.join(os.path.dirname(wire.__file__), "pam_talk.c")
FAILED = 'PAM authentication failed for user "%s"'

# The password has to be on standard input, and the client's host in PAM_RHOST.
SCRIPT = """#!/bin/sh
read -r word
echo "$PAM_SERVICE $PAM_USER $PAM_RHOST" >>"$(dirname "$0")/asked"
while [ -e "$(dirname "$0")/hang" ]; do sleep 0.05; done
[ "$word" = "$PAM_USER-word" ]
"""


def forget_copies():
    """pam_wrapper copies the services for each process, and a helper that is killed leaves them."""
    for folder in glob.glob("/tmp/pam.?"):
        try:
            with open(os.path.join(folder, "pid")) as file:
                if not is_alive(int(file.read())):
                    shutil.rmtree(folder, ignore_errors=True)
        except (OSError, ValueError):
            continue


@pytest.fixture
def service(workdir, binary):
    """service(lines=None): the folder with the service `pgbouncer`, which runs SCRIPT."""
    if not FOUND:
        pytest.skip("no libpam_wrapper: run scripts/install-deps test")
    with open(binary, "rb") as file:
        if b"__asan_init" in file.read():
            pytest.skip("pam_wrapper loads libpam in a way that sanitizers refuse")
    folder = tempfile.mkdtemp(prefix="pam-", dir=workdir)

    def make(lines=None):
        script = os.path.join(folder, "script")
        with open(script, "w") as file:
            file.write(SCRIPT)
        os.chmod(script, 0o755)
        with open(os.path.join(folder, "pgbouncer"), "w") as file:
            file.write(lines or "auth required pam_exec.so expose_authtok quiet %s\n"
                                "account required pam_permit.so\n" % script)
        os.chmod(folder, stat.S_IRWXU | 0o55)
        give(folder)
        return folder
    yield make
    forget_copies()


@pytest.fixture
def judged(service, pgweir, single):
    """judged(lines=None, **settings): a pgweir with auth_type = pam."""
    def make(lines=None, **settings):
        folder = service(lines)
        env = {"LD_PRELOAD": FOUND[0], "PAM_WRAPPER": "1", "PAM_WRAPPER_SERVICE_DIR": folder}
        weir = pgweir(host=single, settings=dict({"auth_type": "pam"}, **settings), env=env)
        weir.service = folder
        return weir
    return make


def enters(weir, user, password):
    with weir.connect(user, password=password) as client:
        return client.value("SELECT current_user") == user


def is_refused(weir, user, password):
    error = refusal(weir, user=user, password=password)
    assert (error.sqlstate, error["M"]) == ("28P01", FAILED % user)
    return True


def test_pam_judges_the_password(judged):
    weir = judged()
    assert enters(weir, "app", "app-word")
    assert is_refused(weir, "app", "app-secret")  # of auth_file
    assert is_refused(weir, "nobody", "x")
    weir.wait_log("login refused: PAM: pam_authenticate: ")
    with open(os.path.join(weir.service, "asked")) as file:
        assert file.read().splitlines()[0] == "pgbouncer app 127.0.0.1"
    assert refusal(weir, user="app", password="")["M"] == "empty password returned by client"


def test_the_account_counts_too(judged):
    weir = judged("auth required pam_permit.so\naccount required pam_deny.so\n")
    assert is_refused(weir, "app", "anything")
    weir.wait_log("login refused: PAM: pam_acct_mgmt: ")


def test_the_password_just_given_is_for_the_server(judged):
    weir = judged("auth required pam_permit.so\naccount required pam_permit.so\n", auth_file=None)
    assert enters(weir, "scram_user", "scram-secret")


def test_a_service_that_cannot_be_asked_refuses(judged):
    weir = judged("auth required pam_that_is_not_there.so\naccount required pam_permit.so\n")
    assert refusal(weir, user="app", password="x")["M"] == FAILED % "app"


def test_pam_that_hangs_holds_up_nobody_else(judged, wait_until):
    weir = judged(client_login_timeout=2)
    with weir.connect("app", password="app-word") as known:
        with open(os.path.join(weir.service, "hang"), "w"):
            pass
        client = wire.Wire(weir.port, "app", "app", login=False)
        client.send(wire.startup({"user": "app", "database": "app"}))
        assert client.recv().type == "R"
        client.send(wire.password("app-word"))
        assert known.value("SELECT 1") == "1"
        assert [error for error in client.recv_closed(10) if error.type == "E"]
        weir.wait_log("client_login_timeout")
        os.unlink(os.path.join(weir.service, "hang"))
        wait_until(lambda: enters(weir, "app", "app-word"))


def test_pam_and_auth_user_exclude_each_other(judged):
    weir = judged(auth_user="postgres")
    assert refusal(weir, user="app", password="x")["M"] == "bouncer config error"


# What modules say and want, by one that does what it is told (harness/pam_talk.c).

ACCT_EXPIRED, NEW_AUTHTOK_REQD, AUTHINFO_UNAVAIL, MAXTRIES = 13, 12, 9, 8


@pytest.fixture(scope="module")
def module(workdir):
    """The path of the module."""
    path = os.path.join(tempfile.mkdtemp(prefix="pam-", dir=workdir), "pam_talk.so")
    os.chmod(os.path.dirname(path), 0o755)
    made = subprocess.run(["cc", "-shared", "-fPIC", "-o", path, TALK, "-lpam"],
                          capture_output=True, text=True)
    if made.returncode != 0:
        pytest.skip("no compiler, or no headers of PAM")
    return path


@pytest.fixture
def told(judged, module):
    """told(auth, account="", **settings): a pgweir whose PAM does this, as pam_talk.c has it."""
    def make(auth="ask=Password:", account="", **settings):
        return judged("auth required %s %s\naccount required %s %s\n"
                      % (module, auth, module, account), **settings)
    return make


def test_an_account_that_has_expired_is_refused_and_the_log_says_why(told):
    weir = told(account="[error=Your account has expired.] result=%d" % ACCT_EXPIRED)
    assert is_refused(weir, "app", "app-word")
    weir.wait_log(r"login refused: PAM: pam_acct_mgmt: User account has expired "
                  r"\(Your account has expired\.\)")


def test_a_password_that_must_be_changed_is_no_login(told):
    weir = told(account="[info=You are required to change your password.] result=%d"
                % NEW_AUTHTOK_REQD)
    assert is_refused(weir, "app", "app-word")
    weir.wait_log(r"pam_acct_mgmt: .*new one required.*\(You are required to change")


def test_a_conversation_of_several_steps_gets_the_password_each_time(told):
    weir = told("[info=Welcome] ask=Password: ask=Again:")
    assert enters(weir, "app", "app-word")
    assert is_refused(weir, "app", "wrong")
    assert "app-word" not in weir.log()


def test_a_question_that_is_not_for_a_password_is_no_login(told):
    weir = told("ask=Password: [show=One-time code: ]")
    assert is_refused(weir, "app", "app-word")
    weir.wait_log(r"login refused: PAM: pam_authenticate: Conversation error "
                  r"\(cannot answer One-time code: \)")


def test_what_modules_say_makes_no_lines_of_its_own_in_the_log(told):
    weir = told("[error=one%%two %s three] result=%d" % ("x" * 150, MAXTRIES))
    mark = weir.log_mark()
    assert is_refused(weir, "app", "app-word")
    lines = [line for line in weir.log_since(mark).splitlines()
             if not line.startswith("PWRAP_ERROR")]
    assert [line for line in lines if "(one two xxx" in line]
    assert [line for line in lines if " [%d] " % weir.pid not in line] == []


def test_pam_that_cannot_ask_is_no_wrong_password(told):
    weir = told("result=%d" % AUTHINFO_UNAVAIL)
    error = refusal(weir, user="app", password="app-word")
    assert (error.sqlstate, error["M"]) == ("28000", FAILED % "app")
    weir.wait_log("login refused: PAM: pam_authenticate: Authentication service cannot retrieve")


def test_a_module_that_wants_all_memory_does_not_get_it(told):
    weir = told("ask=Password: eat=600")
    assert is_refused(weir, "app", "app-word")
    weir.wait_log("login refused: PAM: pam_authenticate: Memory buffer error")
    weir = told("ask=Password: eat=100")
    assert enters(weir, "app", "app-word")


def ask(weir):
    """A client that has sent its password and waits."""
    client = wire.Wire(weir.port, "app", "app", login=False)
    client.send(wire.startup({"user": "app", "database": "app"}))
    assert client.recv().type == "R"
    client.send(wire.password("app-word"))
    return client


def test_a_module_that_hangs_is_killed_when_nobody_waits_any_more(told, wait_until):
    weir = told("ask=Password: hang", admin_users="app", client_login_timeout=1)
    mark = weir.log_mark()
    with many(lambda: ask(weir), 3):
        weir.wait_log("helper .*: no answer, and nobody waits any more: killed", since=mark)
    assert "client_login_timeout" in weir.log_since(mark)
