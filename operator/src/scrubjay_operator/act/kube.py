"""The few calls to the Kubernetes API that the operator makes: apply, get, list, delete, patch, create.

Plain dicts in and out: the typed models of the client library are not used, its configuration (kubeconfig, service account, renewed tokens) and its
connection pool are. Every call has a time limit, is counted, and raises an ApiError whose message says what was asked of which object.
"""

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

import aiohttp
from kubernetes.aio import client, config

from scrubjay_operator.act import metrics
from scrubjay_operator.observe.kinds import Kind

FIELD_MANAGER = "scrubjay-operator"
APPLY = "application/apply-patch+yaml"
MERGE_PATCH = "application/merge-patch+json"
JSON_PATCH = "application/json-patch+json"
TIMEOUT_S = 10.0

Manifest = dict[str, Any]


class ApiError(Exception):
    """A call was refused or not answered. `status` is the HTTP code, 0 when there was no answer."""

    def __init__(self, status: int, reason: str, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.reason = reason

    @property
    def gone(self) -> bool:
        return self.status in (404, 410)

    @property
    def conflict(self) -> bool:
        return self.status == 409 and self.reason in ("Conflict", "AlreadyExists")

    @property
    def namespace_ending(self) -> bool:
        """The namespace is being deleted: nothing can be created in it any more."""
        return self.status == 403 and "because it is being terminated" in str(self)


class NoCluster(Exception):
    """Nothing says where the API server is."""


@dataclass(frozen=True, slots=True)
class Listing:
    """The answer to a list call, with the version of the store that it shows."""

    items: list[Manifest]
    resource_version: str


class KubeClient:
    """One pool of connections to one API server."""

    def __init__(self, api: client.ApiClient) -> None:
        self._api = api

    @classmethod
    async def connect(cls, context: str | None = None) -> "KubeClient":
        """From the pod's service account when there is one, else from the kubeconfig (KUBECONFIG, `context`)."""
        configuration = client.Configuration()
        try:
            config.load_incluster_config(client_configuration=configuration)
        except config.ConfigException:
            try:
                await config.load_kube_config(
                    config_file=os.environ.get("KUBECONFIG"), context=context, client_configuration=configuration
                )
            except config.ConfigException as error:
                raise NoCluster(f"there is neither a service account nor a usable kubeconfig: {error}") from error
        return cls(client.ApiClient(configuration))

    async def close(self) -> None:
        await self._api.close()

    async def apply(self, kind: Kind, manifest: Manifest, *, dry_run: bool = False) -> Manifest:
        """Server-side apply: the fields in `manifest` are ours, with force; other managers' fields stay."""
        meta = manifest["metadata"]
        query = {"fieldManager": FIELD_MANAGER, "force": "true"} | ({"dryRun": "All"} if dry_run else {})
        path = kind.path(meta.get("namespace"), meta["name"])
        return await self._call("PATCH", kind, path, query=query, body=manifest, content=APPLY)

    async def get(self, kind: Kind, namespace: str | None, name: str) -> Manifest:
        return await self._call("GET", kind, kind.path(namespace, name))

    async def list_all(self, kind: Kind, *, namespace: str | None = None, labels: str = "") -> Listing:
        """All objects of a kind, in pages, narrowed by labels at the API server."""
        items: list[Manifest] = []
        query = {"limit": "500"} | ({"labelSelector": labels} if labels else {})
        while True:
            page = await self._call("GET", kind, kind.path(namespace), query=query)
            items.extend(page.get("items") or ())
            query["continue"] = page["metadata"].get("continue") or ""
            if not query["continue"]:
                return Listing(items, page["metadata"].get("resourceVersion") or "")

    async def serves(self, kind: Kind) -> bool:
        """Does the API server list this kind in its discovery?"""
        try:
            found = await self._call("GET", kind, f"/apis/{kind.api_version}" if kind.group else f"/api/{kind.version}")
        except ApiError as error:
            if not error.gone:
                raise
            return False
        return any(resource.get("name") == kind.plural for resource in found.get("resources") or ())

    async def create(self, kind: Kind, manifest: Manifest) -> Manifest:
        return await self._call("POST", kind, kind.path(manifest["metadata"].get("namespace")), body=manifest)

    async def replace(self, kind: Kind, manifest: Manifest) -> Manifest:
        """Replace the whole object; refused as a conflict when metadata.resourceVersion is not the newest."""
        meta = manifest["metadata"]
        return await self._call("PUT", kind, kind.path(meta.get("namespace"), meta["name"]), body=manifest)

    async def merge(self, kind: Kind, namespace: str | None, name: str, patch: Manifest, sub: str = "") -> Manifest:
        return await self._call("PATCH", kind, kind.path(namespace, name, sub), body=patch, content=MERGE_PATCH)

    async def write_status(self, kind: Kind, namespace: str, name: str, *, version: str, status: Manifest) -> Manifest:
        """Replace the whole status by compare-and-swap: refused as a conflict unless `version` is still the newest."""
        patch = [
            {"op": "replace", "path": "/metadata/resourceVersion", "value": version},
            {"op": "add", "path": "/status", "value": status},
        ]
        return await self._call("PATCH", kind, kind.path(namespace, name, "status"), body=patch, content=JSON_PATCH)

    async def delete(self, kind: Kind, namespace: str | None, name: str, *, uid: str | None = None) -> None:
        """Delete exactly the object with this uid; an object that is gone already is no error."""
        # Background: of a Job, the API would leave the pods behind
        body: Manifest = {"kind": "DeleteOptions", "apiVersion": "v1", "propagationPolicy": "Background"}
        if uid is not None:
            body["preconditions"] = {"uid": uid}
        try:
            await self._call("DELETE", kind, kind.path(namespace, name), body=body)
        except ApiError as error:
            if not error.gone:
                raise

    async def text(self, kind: Kind, path: str, query: Mapping[str, str]) -> str:
        """An answer that is no object, as the log of a pod."""
        return (await self._send("GET", kind, path, query=query)).decode("utf-8", "replace")

    async def _call(
        self,
        method: str,
        kind: Kind,
        path: str,
        *,
        query: Mapping[str, str] | None = None,
        body: object = None,
        content: str = "application/json",
    ) -> Manifest:
        return _decode(await self._send(method, kind, path, query=query, body=body, content=content))

    async def _send(
        self,
        method: str,
        kind: Kind,
        path: str,
        *,
        query: Mapping[str, str] | None = None,
        body: object = None,
        content: str = "application/json",
    ) -> bytes:
        url = self._api.configuration.host.rstrip("/") + path
        url += f"?{urlencode(query)}" if query else ""
        headers = {"Content-Type": content, "Accept": "application/json", "User-Agent": FIELD_MANAGER}
        for auth in (await self._api.configuration.auth_settings()).values():
            headers[auth["key"]] = auth["value"]
        what = f"{method} {path}"
        try:
            answer = await self._api.rest_client.request(
                method, url, headers=headers, body=body, _request_timeout=TIMEOUT_S
            )
            raw: bytes = await answer.read()
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            metrics.API_REQUESTS.labels(method, kind.name, "none").inc()
            raise ApiError(
                0, "Unreachable", f"{what}: the API server did not answer: {error or type(error).__name__}"
            ) from error
        metrics.API_REQUESTS.labels(method, kind.name, str(answer.status)).inc()
        if answer.status >= 400:
            raise _refusal(what, answer.status, raw)
        return raw


def _decode(raw: bytes) -> Manifest:
    parsed = json.loads(raw) if raw else {}
    return parsed if isinstance(parsed, dict) else {}


def _refusal(what: str, status: int, raw: bytes) -> ApiError:
    try:
        answer = _decode(raw)
    except ValueError:
        answer = {}
    message = answer.get("message") or raw.decode("utf-8", "replace")[:500]
    return ApiError(status, answer.get("reason") or "", f"{what}: {message} (HTTP {status})")
