"""What all API models share: strictness, spelling, and how CEL rules are attached to them.

Used by `spec.py`, `status.py`, `kubernetes.py` and `cachecluster.py`; `schema.py` turns the models into an OpenAPI
schema.
"""

from collections.abc import Callable
from typing import Annotated, Any, Final

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, WithJsonSchema
from pydantic.alias_generators import to_camel

from scrubjay_operator.api import quantity

VALIDATIONS: Final = "x-kubernetes-validations"


class _Model(BaseModel):
    def to_json(self) -> dict[str, Any]:
        """As it is written to the API server: Kubernetes' spelling, what was left out left out."""
        return self.model_dump(mode="json", by_alias=True, exclude_none=True)


class Written(_Model):
    """Something users write: unknown fields are refused, and nobody changes it after it was read."""

    model_config = ConfigDict(alias_generator=to_camel, populate_by_name=True, extra="forbid", frozen=True)


class Reported(_Model):
    """Something the operator writes: fields that another version of it wrote are dropped, not refused."""

    model_config = ConfigDict(alias_generator=to_camel, populate_by_name=True, extra="ignore", frozen=True)


def rule(expression: str, message: str, **more: Any) -> dict[str, Any]:
    """One CEL rule. `more` may hold `messageExpression` (the message with values in it), `reason` and `fieldPath`."""
    return {"rule": expression, "message": message, **more}


def rules(*cel: dict[str, Any], **extra: Any) -> Callable[[dict[str, Any]], None]:
    """For `json_schema_extra`: attaches CEL rules, and any further schema keywords, to a model or a field."""

    def attach(schema: dict[str, Any]) -> None:
        if cel:
            schema[VALIDATIONS] = list(cel)
        schema.update(extra)

    return attach


def _quantity_text(value: object) -> object:
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else value


def _checked_quantity(text: str) -> str:
    quantity.parse(text)
    return text


# The API server checks it by CEL and not by a pattern: a pattern's message is the pattern.
Quantity = Annotated[
    str,
    BeforeValidator(_quantity_text),
    AfterValidator(_checked_quantity),
    WithJsonSchema(
        {
            "x-kubernetes-int-or-string": True,
            "maxLength": 32,
            VALIDATIONS: [
                rule(
                    "isQuantity(string(self)) && quantity(string(self)).compareTo(quantity('0')) >= 0",
                    "must be a quantity such as 500m, 2, 512Mi or 1.5Gi",
                    messageExpression="'\"' + string(self) + '\" is not a quantity: write it like 2, 512Mi or 1.5Gi'",
                )
            ],
        }
    ),
]
