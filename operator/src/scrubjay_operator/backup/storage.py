"""Where backups lie: S3-compatible storage, Google Cloud Storage, Azure Blob Storage, or a folder of a mounted volume, through obstore.

A place is a URL: `s3://BUCKET/PREFIX`, `gs://BUCKET/PREFIX`, `az://CONTAINER/PREFIX`, `file:///FOLDER/PREFIX`. Credentials and the endpoint come from the variables that the
providers' own tools read (AWS_ACCESS_KEY_ID, AWS_ENDPOINT_URL, GOOGLE_SERVICE_ACCOUNT, AZURE_STORAGE_ACCOUNT_NAME and so on), else from the platform's
workload identity. Every call is tried a bounded number of times; what cannot pass by itself (credentials, a missing bucket) is not tried again.
"""

import os
import re
from collections.abc import Callable, Mapping, Sequence
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any, Final, TypeVar
from urllib.parse import unquote, urlsplit

import obstore
from obstore import exceptions
from obstore.store import AzureStore, GCSStore, LocalStore, ObjectStore, S3Store

from scrubjay_operator.backup.errors import BackupError
from scrubjay_operator.backup.retry import Retries

T = TypeVar("T")

SCHEMES: Final = ("s3", "gs", "az", "file")
CALL_TIMEOUT: Final = timedelta(seconds=120)
CONNECT_TIMEOUT: Final = timedelta(seconds=10)
_ONCE: Final[Any] = {"max_retries": 0}  # Retries counts and announces; two loops inside each other would multiply
_STATUS: Final = re.compile(r"status code: (\d{3})")
_SENTENCE: Final = re.compile(r"<Message>([^<]+)</Message>")
_PASSING: Final = ("408", "409", "425", "429")  # of the refusals, those that may pass by themselves
_REFUSED_WORDS: Final = ("InvalidAccessKeyId", "SignatureDoesNotMatch", "AccessDenied", "401 Unauthorized", "403 Forbidden")  # fmt: skip
_NO_CREDENTIALS: Final = ("no credentials", "InstanceMetadata", "169.254.169.254", "metadata.google.internal", "instance/service-accounts")  # fmt: skip


def _options(environment: Mapping[str, str]) -> dict[str, Any]:
    """Options of the S3 client beyond what it reads from the environment by itself."""
    options: dict[str, Any] = {}
    if environment.get("AWS_SERVER_SIDE_ENCRYPTION"):
        options["aws_server_side_encryption"] = environment["AWS_SERVER_SIDE_ENCRYPTION"]
    if environment.get("AWS_SSE_KMS_KEY_ID"):
        options["aws_sse_kms_key_id"] = environment["AWS_SSE_KMS_KEY_ID"]
    if environment.get("AWS_ENDPOINT_URL"):
        options["aws_endpoint"] = environment["AWS_ENDPOINT_URL"]
    return options


class Storage:
    """One folder (prefix) of one bucket. All paths are relative to it, with `/` between their parts."""

    def __init__(self, url: str, store: ObjectStore, retries: Retries) -> None:
        self.url = url
        self._store = store
        self._retries = retries

    def put(self, path: str, data: bytes) -> None:
        """Write one object, whole."""
        self._call(f"writing {path}", lambda: obstore.put(self._store, path, data, use_multipart=False))

    def get(self, path: str) -> bytes:
        """Read one object, whole."""
        return self._call(f"reading {path}", lambda: bytes(obstore.get(self._store, path).bytes()))

    def get_range(self, path: str, start: int, length: int) -> bytes:
        """Read a piece of one object."""
        return self._call(
            f"reading {path}", lambda: bytes(obstore.get_range(self._store, path, start=start, length=length))
        )

    def exists(self, path: str) -> bool:
        """Whether there is such an object."""
        try:
            self._call(f"looking for {path}", lambda: obstore.head(self._store, path))
        except BackupError as error:
            if error.reason == "NotFound":
                return False
            raise
        return True

    def sizes(self, folder: str = "") -> dict[str, int]:
        """All objects below a folder: path -> bytes."""

        def listing() -> dict[str, int]:
            found: dict[str, int] = {}
            for page in obstore.list(self._store, folder or None):
                found.update({item["path"]: item["size"] for item in page})
            return found

        return self._call(f"listing {folder or 'the backup'}", listing)

    def remove(self, paths: Sequence[str]) -> None:
        """Delete objects; those that are gone already are no error."""
        for path in paths:
            try:
                self._call(f"removing {path}", partial(obstore.delete, self._store, path))
            except BackupError as error:
                if error.reason != "NotFound":
                    raise

    def _call(self, what: str, work: Callable[[], T]) -> T:
        def once() -> T:
            try:
                return work()
            except (exceptions.BaseError, OSError) as error:
                raise _in_words(self.url, what, error) from error

        return self._retries.run(what, once)


def open_storage(url: str, environment: Mapping[str, str] = os.environ, retries: Retries | None = None) -> Storage:
    """The folder at `url`. Nothing is asked of it yet. Raises BackupError for a URL or credentials that make no sense."""
    parts = urlsplit(url)
    path = unquote(parts.path).strip("/")
    clients: Any = {
        "timeout": CALL_TIMEOUT,
        "connect_timeout": CONNECT_TIMEOUT,
        "allow_http": environment.get("AWS_ENDPOINT_URL", "").startswith("http://"),
    }
    store: ObjectStore
    if parts.scheme not in SCHEMES:
        raise BackupError("BadDestination", f"{url!r} is no place for backups: write s3://, gs://, az:// or file:///")
    if parts.scheme != "file" and not parts.netloc:
        raise BackupError("BadDestination", f"{url!r} names no bucket: write {parts.scheme}://BUCKET/PREFIX")
    try:
        if parts.scheme == "s3":
            store = S3Store(
                parts.netloc, prefix=path or None, client_options=clients, retry_config=_ONCE, **_options(environment)
            )
        elif parts.scheme == "gs":
            store = GCSStore(parts.netloc, prefix=path or None, client_options=clients, retry_config=_ONCE)
        elif parts.scheme == "az":
            store = AzureStore(parts.netloc, prefix=path or None, client_options=clients, retry_config=_ONCE)
        else:
            store = _folder(url, Path("/", path))
    except exceptions.BaseError as error:
        raise BackupError("BadDestination", f"{url} cannot be opened: {_first_line(error)}") from error
    return Storage(url, store, retries or Retries())


def _folder(url: str, folder: Path) -> LocalStore:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise _in_words(url, "making the folder", error) from error
    return LocalStore(folder, automatic_cleanup=True)


def _in_words(url: str, what: str, error: Exception) -> BackupError:
    """What the storage said, sorted into what a person must do."""
    text = str(error)
    said = _first_line(error)
    if "No space left on device" in text or "Disk quota exceeded" in text or "os error 28" in text:
        return BackupError("StorageFull", f"{what} failed: the volume of {url} is full ({said})")
    if "NoSuchBucket" in text or "The specified bucket does not exist" in text:
        return BackupError(
            "NoBucket", f"{what} failed: the bucket of {url} does not exist: make it, or correct its name"
        )
    if any(word in text for word in _NO_CREDENTIALS):
        return BackupError(
            "NoCredentials",
            f"{what} failed: no credentials for {url} were given, and the platform has none for this pod ({said})",
        )
    refused = isinstance(error, (exceptions.PermissionDeniedError, exceptions.UnauthenticatedError))
    if refused or any(word in text for word in _REFUSED_WORDS):
        return BackupError("WrongCredentials", f"{what} failed: {url} refuses these credentials ({said})")
    if isinstance(error, PermissionError) or "Permission denied" in text:
        return BackupError("Forbidden", f"{what} failed: the folder of {url} may not be written to ({said})")
    if isinstance(error, (exceptions.NotFoundError, FileNotFoundError)):
        return BackupError("NotFound", f"{what} failed: there is no such object in {url}")
    status = _STATUS.search(text)
    if status is not None and status[1].startswith("4") and status[1] not in _PASSING:
        return BackupError("StorageRefuses", f"{what} failed: {url} refuses it ({said})")
    return BackupError("StorageUnreachable", f"{what} failed: {url} does not answer as it should ({said})", again=True)


def _first_line(error: Exception) -> str:
    """The cause in one line, with the storage's own sentence where it sent one; obstore's texts go on for pages."""
    text = str(error).strip()
    line = text.split("\n")[0].split(": <?xml")[0]
    sentence = _SENTENCE.search(text)
    line = f"{line}: {sentence[1]}" if sentence is not None else line
    return line if len(line) <= 400 else f"{line[:397]}..."
