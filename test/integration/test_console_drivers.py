# SPDX-License-Identifier: ISC
"""The console by drivers in all their ways to ask: what they send by themselves, binary results,
prepared statements, transactions around it; and an exporter's queries."""
import os
import subprocess

import pytest

from harness.drivers import HERE, MODULES, RUNNERS, Missing


@pytest.mark.all_drivers
@pytest.mark.slow
@pytest.mark.parametrize("program", ["ConsoleJdbc.java", "console_go.go", "console_node.js"])
def test_the_console_by_a_driver(pgweir, single, program):
    weir = pgweir(host=single)
    if program.endswith(".js") and not os.path.isdir(os.path.join(MODULES, "pg")):
        pytest.skip("no pg for node: scripts/install-deps drivers")
    try:
        command = RUNNERS[os.path.splitext(program)[1]](os.path.join(HERE, program))
    except Missing as missing:
        pytest.skip(str(missing))
    done = subprocess.run(command, env=dict(os.environ, PGPORT=str(weir.port), NODE_PATH=MODULES),
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=60)
    assert (done.returncode, done.stdout.split()[-1:]) == (0, ["ok"]), done.stdout[-3000:]
