"""Every limit ends the whole program, the outcome says which it was, and the sandbox serves on."""

from __future__ import annotations

from dataclasses import replace

from abaca_sandbox import End
from tests.sandbox.hosts import FORK_BOMB, SHORT, Host

LONG = "i=0; while :; do i=$((i+1)); done"


def test_a_program_that_never_ends_is_ended(host: Host) -> None:
    outcome = host.shell("echo begun; read -r forever </dev/zero; sleep 1000", replace(SHORT, wall=0.5))
    assert outcome.end is End.WALL_LIMIT
    assert outcome.exit_code is None


def test_cpu_time_counts_over_all_processes(host: Host) -> None:
    outcome = host.shell(f"({LONG}) & ({LONG}) & wait", replace(SHORT, cpu=0.4, wall=30))
    assert outcome.end is End.CPU_LIMIT
    assert outcome.usage.cpu_ms >= 400


def test_memory_of_one_process(host: Host) -> None:
    outcome = host.python(
        "held = bytearray(b'x') * (1 << 30); import time; time.sleep(99)", replace(SHORT, memory=64 << 20)
    )
    assert outcome.end is End.MEMORY_LIMIT
    assert End.MEMORY_LIMIT in outcome.touched


def test_memory_of_many_small_processes(host: Host) -> None:
    code = """
import os, signal
for _ in range(8):
    if not os.fork():
        held = bytearray(b"x") * (24 << 20)
        signal.pause()
signal.pause()
"""
    assert host.python(code, replace(SHORT, memory=96 << 20)).end is End.MEMORY_LIMIT


def test_pages_that_processes_share_count_once(host: Host) -> None:
    code = """
import os
held = bytearray(b"x") * (24 << 20)
ready, go = os.pipe(), os.pipe()
for _ in range(8):
    if not os.fork():
        os.write(ready[1], b"1")
        os.read(go[0], 1)
        os._exit(0)
for _ in range(8):
    os.read(ready[0], 1)
import time
time.sleep(0.2)
os.write(go[1], b"1" * 8)
print("shared")
"""
    outcome = host.python(code, replace(SHORT, memory=96 << 20))
    assert (outcome.end, outcome.stdout) == (End.EXITED, b"shared\n")


def test_address_space(host: Host) -> None:
    code = "try: bytearray(1 << 30)\nexcept MemoryError: print('refused')"
    assert host.python(code, replace(SHORT, address_space=256 << 20)).stdout == b"refused\n"


def test_a_flood_on_standard_output(host: Host) -> None:
    outcome = host.shell("yes", replace(SHORT, output=10_000))
    assert outcome.end is End.OUTPUT_LIMIT
    assert outcome.truncated
    assert outcome.stdout == (b"y\n" * 5000)


def test_a_flood_on_standard_error(host: Host) -> None:
    outcome = host.shell("yes >&2", replace(SHORT, output=10_000))
    assert (outcome.end, len(outcome.stderr), outcome.stdout) == (End.OUTPUT_LIMIT, 10_000, b"")


def test_too_much_output_that_was_all_written_at_once(host: Host) -> None:
    outcome = host.shell("echo 0123456789", replace(SHORT, output=4))
    assert (outcome.end, outcome.stdout, outcome.truncated) == (End.OUTPUT_LIMIT, b"0123", True)


def test_output_up_to_the_limit_is_no_offence(host: Host) -> None:
    outcome = host.shell("printf 0123", replace(SHORT, output=4))
    assert (outcome.end, outcome.stdout, outcome.truncated) == (End.EXITED, b"0123", False)


def test_a_file_that_becomes_too_large(host: Host) -> None:
    outcome = host.shell("exec head -c 8000000 /dev/zero >big", replace(SHORT, file_size=1 << 20))
    assert outcome.end is End.FILE_LIMIT


def test_files_that_fill_the_work_folder(host: Host) -> None:
    script = "for i in 1 2 3 4; do head -c 6000000 /dev/zero >$i || exit 9; done"
    outcome = host.shell(script)
    assert outcome.end is End.FILE_LIMIT
    assert outcome.usage.work >= SHORT.work - 4096


def test_temporary_files_and_shared_memory_count_as_work(host: Host) -> None:
    script = "head -c 9000000 /dev/zero >/tmp/a; head -c 9000000 /dev/zero >/dev/shm/b || exit 9"
    assert host.shell(script).end is End.FILE_LIMIT


def test_endless_tiny_files(host: Host) -> None:
    outcome = host.python("import itertools\nfor i in itertools.count(): open(str(i), 'w').close()")
    assert outcome.end is End.FILE_LIMIT
    assert outcome.usage.inodes == SHORT.inodes


def test_a_fork_bomb(host: Host) -> None:
    outcome = host.python(FORK_BOMB, replace(SHORT, wall=1.5))
    assert outcome.end in {End.WALL_LIMIT, End.CPU_LIMIT}
    assert End.PROCESS_LIMIT in outcome.touched
    assert outcome.usage.processes == SHORT.processes


def test_ten_thousand_threads(host: Host) -> None:
    code = """
import threading
wait = threading.Event().wait
threading.stack_size(65536)
for count in range(10_000):
    try: threading.Thread(target=wait, args=(3600,), daemon=True).start()
    except RuntimeError: break
import time
time.sleep(0.6)
print(count)
raise SystemExit(7)
"""
    outcome = host.python(code)
    assert outcome.end is End.PROCESS_LIMIT
    assert int(outcome.stdout) == SHORT.processes - 1


def test_a_limit_that_was_met_and_outlived_is_told(host: Host) -> None:
    outcome = host.shell(
        "head -c 30000000 /dev/zero >big; sleep 0.5; rm big; exit 0", replace(SHORT, file_size=1 << 30)
    )
    assert (outcome.end, outcome.exit_code) == (End.EXITED, 0)
    assert End.FILE_LIMIT in outcome.touched


def test_a_core_is_never_dumped(host: Host) -> None:
    outcome = host.shell("ulimit -c unlimited; ulimit -c; kill -SEGV $$", collect=("core",))
    assert (outcome.end, outcome.signal) == (End.SIGNALLED, 11)
    assert outcome.not_collected == {"core": "absent"}


def test_open_files(host: Host) -> None:
    code = "import os\ntry:\n  while True: n = os.dup(0)\nexcept OSError: print(n)"
    assert host.python(code, replace(SHORT, open_files=40)).stdout == b"39\n"
