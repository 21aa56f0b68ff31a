"""How a backup is taken, as users write it: in a CacheBackup, and in the schedule of a CacheCluster."""

import re
from datetime import timedelta
from enum import StrEnum
from typing import Annotated, Final

from pydantic import Field, StringConstraints

from scrubjay_operator.api.destination import Destination, Encryption
from scrubjay_operator.api.model import Written
from scrubjay_operator.api.references import SecretName

_AGE: Final = r"^[1-9][0-9]{0,4}[hd]$"
Age = Annotated[str, StringConstraints(pattern=_AGE)]


class BackupDeletion(StrEnum):
    """What becomes of the data when the object is deleted."""

    RETAIN = "Retain"
    DELETE = "Delete"


class Compression(StrEnum):
    """How the data is packed."""

    ZSTD = "Zstd"
    NONE = "None"


class BackupTemplate(Written):
    """How a backup is taken: the part that a schedule shares with a CacheBackup."""

    destination: Destination = Field(description="Where it is written to.")
    encryption: Encryption | None = Field(default=None, description="Encryption with a key of yours (AES-256-GCM).")
    compression: Compression = Field(default=Compression.ZSTD, description="How the data is packed.")
    deletion_policy: BackupDeletion = Field(
        default=BackupDeletion.RETAIN,
        description="Delete: the data goes with the CacheBackup object. Retain: it stays in the storage.",
    )
    service_account_name: SecretName | None = Field(
        default=None, description="ServiceAccount of the pod, for a platform's workload identity."
    )


class Retention(Written):
    """Which scheduled backups are kept. The newest good one always is."""

    count: int | None = Field(default=None, ge=1, le=1000, description="How many good ones are kept.")
    max_age: Age | None = Field(default=None, description="How long they are kept, such as 720h or 30d.")

    @property
    def longest(self) -> timedelta | None:
        """max_age as a duration."""
        if self.max_age is None or not re.fullmatch(_AGE, self.max_age):
            return None
        number = int(self.max_age[:-1])
        return timedelta(hours=number) if self.max_age[-1] == "h" else timedelta(days=number)


class BackupSchedule(BackupTemplate):
    """Backups that are taken by the clock, each a CacheBackup of its own."""

    schedule: str = Field(
        min_length=9,
        max_length=128,
        description='Cron schedule of five fields, such as "0 3 * * *" for 3 o\'clock each day.',
    )
    time_zone: str = Field(
        default="UTC", max_length=64, description="Time zone of the schedule, such as Europe/Berlin."
    )
    retention: Retention = Field(default=Retention(), description="Which are kept; left out: all.")
    deletion_policy: BackupDeletion = Field(
        default=BackupDeletion.DELETE, description="Delete: the data of a backup that is not kept goes, too."
    )
