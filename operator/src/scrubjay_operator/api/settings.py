"""What the operator itself is told when it is installed: environment variables, set by charts/scrubjay.

Read once, at the start, by `__main__`. The chart's values.yaml says the same things for people.
"""

from collections.abc import Mapping
from typing import Final, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError

PREFIX: Final = "SCRUBJAY_"
PORT_HTTP: Final = 8080  # of the operator's own pod: /metrics, /healthz, /readyz


class InvalidSettings(ValueError):
    """A variable is missing or wrong; the text names it."""


class Settings(BaseModel):
    """Each field is the variable SCRUBJAY_ and its name in capitals."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    engine_image: str = Field(min_length=1, description="Image of the engine for clusters that name none.")
    engine_pull_policy: Literal["Always", "IfNotPresent", "Never"] = Field(
        default="IfNotPresent", description="For it."
    )
    operator_image: str = Field(default="", description="The operator's own image, in which backups run.")
    operator_pull_policy: Literal["Always", "IfNotPresent", "Never"] = Field(
        default="IfNotPresent", description="For it."
    )
    namespace: str = Field(default="default", description="Where the operator runs and keeps its Lease.")
    pod_name: str = Field(default="scrubjay-operator", description="Its own name: the holder of the Lease.")
    watch_namespace: str = Field(default="", description="The only namespace it looks after; empty for all.")
    http_port: int = Field(default=PORT_HTTP, ge=0, le=65535, description="Of /metrics, /healthz and /readyz.")
    log_level: Literal["debug", "info", "warning", "error"] = Field(default="info", description="How much is logged.")
    log_format: Literal["text", "json"] = Field(default="text", description="How it is logged.")

    @classmethod
    def read(cls, environment: Mapping[str, str]) -> Self:
        """From the process environment. Raises InvalidSettings."""
        found = {
            field: environment[PREFIX + field.upper()]
            for field in cls.model_fields
            if PREFIX + field.upper() in environment
        }
        try:
            return cls.model_validate(found)
        except ValidationError as error:
            wrong = (
                f"{PREFIX}{str(item['loc'][0]).upper()}: {item['msg']}" for item in error.errors(include_url=False)
            )
            raise InvalidSettings("; ".join(wrong)) from error
