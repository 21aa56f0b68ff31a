"""What a cluster needs beside Kubernetes itself: DNS, a default StorageClass, on request metrics; their images and manifests.

Called by ``cluster.up``; the images (with the Debian base of the project's own images) are what a new node is furnished with.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from string import Template

from localkube import bases, images, programs
from localkube.host import IMAGE_COMMANDS, cache_folder, install, run, step
from localkube.instance import DNS_IP, Instance

MANIFESTS = Path(__file__).resolve().parent / "manifests"
METRICS = MANIFESTS / "metrics.yaml"
PAUSE_SOURCE = """#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>
static void bye(int s) { _exit(0); }
static void reap(int s) { while (waitpid(-1, 0, WNOHANG) > 0); }
int main(void) {
  signal(SIGTERM, bye); signal(SIGINT, bye); signal(SIGCHLD, reap);
  for (;;) pause();
}
"""
_built: list[Path] = []


def build() -> list[Path]:
    """The layouts of all base images, built where the cache lacks them."""
    if not _built:
        install(IMAGE_COMMANDS)
        dns, storage = programs.tool("coredns"), programs.tool("local-path-provisioner")
        programs.tool("helm")
        with step("preparing the base images"):
            pause = images.from_files(images.PAUSE, 'FROM scratch\nCOPY pause /\nENTRYPOINT ["/pause"]\n', [_pause()])
            _built.extend([pause, _busybox(), _program_image(dns), _program_image(storage), bases.base()])
    return list(_built)


def metrics_image() -> Path:
    """The layout of metrics-server's image."""
    return _program_image(programs.tool("metrics-server"))


def _program_image(program: Path) -> Path:
    return images.from_files(f"localhost/{program.name}:1", f"FROM scratch\nCOPY {program.name} /usr/bin/\n", [program])


def manifests(instance: Instance) -> str:
    """YAML of the addons for that instance."""
    values = {"DNS_IP": DNS_IP, "VOLUMES": f"{instance.root}/volumes"}
    texts = [Template((MANIFESTS / name).read_text()) for name in ("dns.yaml", "storage.yaml")]
    return "\n---\n".join(text.safe_substitute(values) for text in texts)


def wait(kubectl: Callable[..., object]) -> None:
    """Return when names resolve and volumes can be made. (Metrics come half a minute later.)"""
    for namespace, deployment in (("kube-system", "coredns"), ("local-path-storage", "local-path-provisioner")):
        kubectl("-n", namespace, "rollout", "status", f"deployment/{deployment}", "--timeout=120s")


def _pause() -> Path:
    folder = cache_folder("programs") / f"pause-{programs.digest(PAUSE_SOURCE.encode())}"
    folder.mkdir(exist_ok=True)
    if not (folder / "pause").exists():
        (folder / "pause.c").write_text(PAUSE_SOURCE)
        run("gcc", "-static", "-Os", "-o", folder / "pause", folder / "pause.c")
    return folder / "pause"


def _busybox() -> Path:
    """A shell and its tools in 2 MB: makes and removes the folders of volumes."""
    dockerfile = 'FROM scratch\nCOPY busybox /bin/\nRUN ["/bin/busybox", "--install", "-s", "/bin"]\nCMD ["/bin/sh"]\n'
    return images.from_files("localhost/busybox:1", dockerfile, [Path("/bin/busybox")])
