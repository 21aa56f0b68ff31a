"""What is written for the programs: certificates that verify, an image archive that carries what is missing, node configuration."""

import base64
import io
import json
import tarfile
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec

from localkube import images, instance, nodeconfig, programs
from localkube.certificates import Authority


def test_leaves_are_signed_by_their_authority_and_name_their_hosts(tmp_path: Path) -> None:
    authority = Authority.create(tmp_path, "ca")
    authority.issue("server", "kube-apiserver", "a-group", sans=["127.0.0.1", "localhost"])
    leaf = x509.load_pem_x509_certificate((tmp_path / "server.crt").read_bytes())
    leaf.verify_directly_issued_by(authority.certificate)
    names = leaf.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert [str(address) for address in names.get_values_for_type(x509.IPAddress)] == ["127.0.0.1"]
    assert names.get_values_for_type(x509.DNSName) == ["localhost"]
    assert (tmp_path / "server.key").stat().st_mode & 0o077 == 0
    assert isinstance(authority.key, ec.EllipticCurvePrivateKey)


def test_a_kubeconfig_is_private_and_whole(tmp_path: Path) -> None:
    authority = Authority.create(tmp_path, "ca")
    authority.issue("admin", "admin", "system:masters")
    authority.kubeconfig(tmp_path / "config", "admin", "https://127.0.0.1:1", "context")
    config = json.loads((tmp_path / "config").read_text())
    assert (tmp_path / "config").stat().st_mode & 0o077 == 0
    assert config["current-context"] == config["contexts"][0]["name"] == "context"
    ca = base64.b64decode(config["clusters"][0]["cluster"]["certificate-authority-data"])
    assert ca == (tmp_path / "ca.crt").read_bytes()


@pytest.fixture
def layout(tmp_path: Path) -> Path:
    """An image of a configuration and two layers, as buildah's dir transport leaves it."""
    blobs = {name: programs.digest(name.encode()) for name in ("config", "base", "top")}
    for name, digest in blobs.items():
        (tmp_path / digest).write_text(name)
    manifest = {
        "mediaType": "application/vnd.oci.image.manifest.v1+json",
        "config": {"digest": f"sha256:{blobs['config']}"},
        "layers": [{"digest": f"sha256:{blobs[name]}"} for name in ("base", "top")],
    }
    (tmp_path / "manifest.json").write_text(json.dumps(manifest))
    (tmp_path / "name").write_text("localhost/x:1")
    return tmp_path


def test_a_node_is_sent_only_the_layers_it_lacks(layout: Path) -> None:
    base = f"sha256:{programs.digest(b'base')}"
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w") as stream:
        images._write_archive(stream, layout, "localhost/x:1", {base})
    file.seek(0)
    with tarfile.open(fileobj=file) as stream:
        names = stream.getnames()
        index = json.loads((stream.extractfile("index.json") or io.BytesIO()).read())
    assert f"blobs/sha256/{programs.digest(b'base')}" not in names
    assert f"blobs/sha256/{programs.digest(b'top')}" in names
    (entry,) = index["manifests"]
    assert entry["annotations"] == {"io.containerd.image.name": "localhost/x:1"}
    assert f"blobs/{entry['digest'].replace(':', '/')}" in names


def test_nodes_have_networks_folders_and_zones_of_their_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LOCALKUBE_ROOT", str(tmp_path))
    one, two = instance.create("x", 2).all_nodes()
    for node in (one, two):
        nodeconfig.write(node)
        assert str(node.socket) in (node.folder / "containerd.toml").read_text()
        json.loads((node.folder / "kubelet.json").read_text())
        json.loads((node.folder / "proxy.json").read_text())
    assert {one.zone, two.zone} == {"zone-1", "zone-2"}
    assert one.pod_cidr != two.pod_cidr and one.netns != two.netns and one.cgroup != two.cgroup


def test_programs_are_named_by_all_they_are_built_from() -> None:
    assert programs.digest(b"a", b"bc") != programs.digest(b"ab", b"c")
    assert f"k8s.io/kubernetes {programs.VERSION}" in (programs.SOURCE / "go.mod").read_text()
