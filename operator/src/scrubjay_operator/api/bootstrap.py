"""What a new cluster begins with, as users write it: a backup, or an RDB of any Redis."""

from typing import Annotated, Final, Self

from pydantic import ConfigDict, Field, StringConstraints, model_validator

from scrubjay_operator.api.destination import Destination, Encryption
from scrubjay_operator.api.model import Written, rule, rules
from scrubjay_operator.api.references import LocalReference, SecretName

ONE_SOURCE: Final = "name one source: fromBackup or fromURL"
File = Annotated[str, StringConstraints(min_length=1, max_length=512)]


class FromURL(Written):
    """Data that lies in a storage: a backup whose CacheBackup object is elsewhere or gone, or one RDB file."""

    source: Destination = Field(
        description="The storage; its prefix or path is the folder of the backup or of the file."
    )
    rdb: File | None = Field(
        default=None,
        description="Name of an RDB file in that folder, of Redis, Valkey or us; left out: the folder is a backup.",
    )
    encryption: Encryption | None = Field(default=None, description="The key that the backup was encrypted with.")
    service_account_name: SecretName | None = Field(
        default=None, description="ServiceAccount of the pod, for a platform's workload identity."
    )


class Bootstrap(Written):
    """What a new cluster begins with. Nothing is served before all of it is there."""

    model_config = ConfigDict(json_schema_extra=rules(rule("has(self.fromBackup) != has(self.fromURL)", ONE_SOURCE)))

    from_backup: LocalReference | None = Field(default=None, description="A CacheBackup in the same namespace.")
    from_url: FromURL | None = Field(default=None, alias="fromURL", description="A backup or an RDB in a storage.")

    @model_validator(mode="after")
    def _one(self) -> Self:
        if (self.from_backup is None) == (self.from_url is None):
            raise ValueError(ONE_SOURCE)
        return self
