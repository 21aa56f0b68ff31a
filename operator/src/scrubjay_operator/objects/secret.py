"""Secret `C-auth`: the default user's password, for clients and as the engine's configuration.

It exists also while access is open, then without a password: so opening and closing a cluster changes no pod.
"""

import base64
import secrets

from scrubjay_operator.api import names
from scrubjay_operator.api.cachecluster import CacheCluster
from scrubjay_operator.objects.config import quoted
from scrubjay_operator.objects.metadata import Manifest, metadata


def new_password() -> str:
    """A password nobody has to remember: 256 random bits in letters, digits, - and _."""
    return secrets.token_urlsafe(32)


def live_options(password: str | None) -> dict[str, str]:
    """The options that carry the password, for the admin port; empty values mean open access."""
    return {"requirepass": password or "", "masterauth": password or ""}


def build(cluster: CacheCluster, password: str | None) -> Manifest:
    """The Secret; password None means open access. Raises ValueError for an empty one, which would mean the same."""
    if password == "":
        raise ValueError("the password is empty: that would let everybody in")
    if password is None:
        content = {names.AUTH_FILE: "# access.defaultUser is Open: no password\n"}
    else:
        lines = "".join(f"{name} {quoted(value)}\n" for name, value in live_options(password).items())
        content = {names.AUTH_FILE: lines, names.AUTH_PASSWORD_KEY: password}
    return {
        "apiVersion": "v1",
        "kind": "Secret",
        "type": "Opaque",
        "metadata": metadata(cluster, names.auth_secret(cluster.name)),
        "data": {key: base64.b64encode(value.encode()).decode() for key, value in content.items()},
    }


def read_password(secret: Manifest) -> str | None:
    """The password in a Secret that `build` made, None for open access."""
    encoded = secret.get("data", {}).get(names.AUTH_PASSWORD_KEY)
    return None if encoded is None else base64.b64decode(encoded).decode()
