"""Two local clusters never share a number, an address or a port; what a dead program left is found."""

import json
import subprocess
import sys
import time
from pathlib import Path

import pytest

from localkube import instance, processes
from localkube.audit import AuditLog
from localkube.host import LocalkubeError, missing_packages


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("LOCALKUBE_ROOT", str(tmp_path))
    return tmp_path


def test_instances_differ_in_everything_they_take(root: Path) -> None:
    first, second = instance.create("one", 2), instance.create("two", 0)
    assert first.number != second.number
    assert not set(vars(first.ports).values()) & set(vars(second.ports).values())
    assert first.bridge != second.bridge and first.pod_cidr != second.pod_cidr
    assert [node.ip for node in first.all_nodes()] == [f"172.30.{first.number}.11", f"172.30.{first.number}.12"]
    assert instance.list_all() == [first, second]


def test_a_name_is_taken_once(root: Path) -> None:
    instance.create("one", 0)
    with pytest.raises(LocalkubeError, match="already up"):
        instance.create("one", 0)


@pytest.mark.parametrize("name", ["", "a/b", "../x", "x" * 41])
def test_names_cannot_leave_the_folder(root: Path, name: str) -> None:
    with pytest.raises(LocalkubeError, match="no name for an instance"):
        instance.create(name, 0)


def test_an_instance_that_is_not_up_is_told_with_those_that_are(root: Path) -> None:
    instance.create("one", 0)
    with pytest.raises(LocalkubeError, match=r"no local Kubernetes 'two' is up \(up are: one\)"):
        instance.find("two")


def test_a_node_that_is_not_there_is_told_with_those_that_are(root: Path) -> None:
    with pytest.raises(LocalkubeError, match=r"there are \['node1'\]"):
        instance.create("one", 1).node("node7")


def test_daemons_are_found_and_ended_by_pid_and_start_time(root: Path) -> None:
    made = instance.create("one", 0)
    pid = processes.start(made, "sleeper", "sleep", "600")
    assert processes.running(made) == {"sleeper": pid}
    forged = made.root / "run" / "forged.pid"
    forged.write_text(f"{pid} 12345")  # the same pid, but of another process
    assert processes.running(made) == {"sleeper": pid}
    processes.stop(made)
    assert processes.running(made) == {}
    assert processes.start_time(pid) == 0


def test_daemons_of_an_owned_instance_die_with_their_owner(root: Path) -> None:
    program = """if True:
        import os, time
        from localkube import instance, processes
        made = instance.create("one", 0, processes.identity())
        pid = processes.start(made, "sleeper", "sleep", "600")
        while not open(f"/proc/{pid}/cmdline").read().startswith("sleep"):
            time.sleep(0.01)  # setpriv has not asked for the signal yet
        print(pid, flush=True)
        os.kill(os.getpid(), 9)
    """
    tests = Path(__file__).resolve().parents[2]
    done = subprocess.run([sys.executable, "-c", program], cwd=tests, capture_output=True, text=True, check=False)
    assert done.returncode == -9
    processes.kill([])  # nothing of ours is left to end
    pid = int(done.stdout)
    while processes.start_time(pid):
        time.sleep(0.01)  # the kernel delivers the signal in its own time; the test's time limit bounds this
    (left,) = instance.list_all()
    assert left.owner and not processes.alive(left.owner)


def test_writes_are_counted_from_a_mark_by_user(tmp_path: Path) -> None:
    log = AuditLog(tmp_path / "audit.jsonl")
    assert log.writes() == [] and log.mark() == 0

    def event(user: str, verb: str) -> str:
        target = {"resource": "pods", "subresource": "status", "namespace": "a", "name": "p"}
        whole = {"user": {"username": user}, "verb": verb, "objectRef": target, "responseStatus": {"code": 200}}
        return json.dumps(whole) + "\n"

    log.path.write_text(event("ann", "create"))
    mark = log.mark()
    with log.path.open("a") as file:
        file.write(event("ann", "patch") + event("bob", "delete") + '{"user": {"half')
    (write,) = log.writes(mark, user="ann")
    assert (write.verb, write.resource, write.name, write.code) == ("patch", "pods/status", "p", 200)
    assert len(log.writes(mark)) == 2
    middle = log.mark()  # the API server has written half a line
    with log.path.open("a") as file:
        file.write('": "way"}}\n' + event("eve", "update"))
    assert [write.user for write in log.writes(middle)] == ["", "eve"]


def test_missing_programs_are_named_by_their_packages() -> None:
    assert missing_packages({"sh": "dash", "/bin/sh": "dash"}) == []
    assert missing_packages({"no-such-program": "some-package", "/no/such/file": "other"}) == ["other", "some-package"]
