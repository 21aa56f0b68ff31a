"""Where backups are written to and read from, as users write it: shared by CacheBackup and by CacheCluster's bootstrap."""

from typing import Annotated, Final, Self

from pydantic import ConfigDict, Field, StringConstraints, model_validator

from scrubjay_operator.api.model import Written, rule, rules
from scrubjay_operator.api.references import SecretKey, SecretName

Prefix = Annotated[str, StringConstraints(max_length=512, pattern=r"^[A-Za-z0-9._/=-]*$")]
ONE_PLACE: Final = "name one place: s3 or volume"


class Encryption(Written):
    """Encryption before anything leaves the pod."""

    key_secret: SecretKey = Field(
        description="32 random bytes, as they are, in hexadecimal or in base64. Without this key the backup is lost."
    )


class S3(Written):
    """A bucket of an S3-compatible storage."""

    bucket: str = Field(min_length=3, max_length=63, description="Name of the bucket. It must exist.")
    prefix: Prefix = Field(
        default="", description="Folder in the bucket; a folder of its own is made below it for each backup."
    )
    endpoint: str | None = Field(
        default=None,
        max_length=512,
        description="URL of the storage, such as https://minio.storage:9000; left out: Amazon's for the region.",
        json_schema_extra=rules(
            rule(
                "self.startsWith('https://') || self.startsWith('http://')",
                "endpoint must begin with https:// or http://",
            )
        ),
    )
    region: str | None = Field(default=None, max_length=64, description="Region; left out: us-east-1.")
    credentials_secret: SecretName | None = Field(
        default=None,
        description="Secret in the same namespace with AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY; left out: the"
        " workload identity of serviceAccountName.",
    )
    server_side_encryption: str | None = Field(
        default=None,
        max_length=32,
        description="Header that asks the storage to encrypt what it keeps: AES256 or aws:kms.",
        json_schema_extra={"enum": ["AES256", "aws:kms"]},
    )
    kms_key_id: str | None = Field(default=None, max_length=2048, description="The key for aws:kms.")


class Volume(Written):
    """A PersistentVolumeClaim in the same namespace."""

    claim_name: SecretName = Field(description="Name of the PersistentVolumeClaim.")
    path: Prefix = Field(default="", description="Folder on the volume.")


class Destination(Written):
    """One place for backups."""

    model_config = ConfigDict(json_schema_extra=rules(rule("has(self.s3) != has(self.volume)", ONE_PLACE)))

    s3: S3 | None = Field(default=None, description="S3-compatible object storage.")
    volume: Volume | None = Field(default=None, description="A mounted volume.")

    @model_validator(mode="after")
    def _one(self) -> Self:
        if (self.s3 is None) == (self.volume is None):
            raise ValueError(ONE_PLACE)
        return self

    def url(self, folder: str) -> str:
        """The URL of a folder at this place, as the backup program takes it."""
        if self.s3 is not None:
            return "/".join(part for part in (f"s3://{self.s3.bucket}", self.s3.prefix.strip("/"), folder) if part)
        assert self.volume is not None
        return "/".join(part for part in (f"file://{MOUNT}", self.volume.path.strip("/"), folder) if part)


MOUNT: Final = "/backups"  # where a volume is mounted in a backup's pod
