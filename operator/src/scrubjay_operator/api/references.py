"""References to objects in the same namespace, as users write them: shared by all kinds of ours."""

from typing import Annotated

from pydantic import Field, StringConstraints

from scrubjay_operator.api.model import Written

SecretName = Annotated[str, StringConstraints(min_length=1, max_length=253)]


class SecretKey(Written):
    """One key of a Secret in the same namespace."""

    name: SecretName = Field(description="Name of the Secret.")
    key: SecretName = Field(default="password", description="Key in the Secret.")


class LocalReference(Written):
    """The name of an object in the same namespace."""

    name: SecretName = Field(description="Its name.")
