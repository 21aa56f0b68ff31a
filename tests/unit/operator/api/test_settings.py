"""The operator's own settings, from its environment."""

import pytest

from scrubjay_operator.api.settings import InvalidSettings, Settings


def test_read_from_the_environment() -> None:
    settings = Settings.read({"SCRUBJAY_ENGINE_IMAGE": "engine:1", "SCRUBJAY_HTTP_PORT": "9000", "HOME": "/root"})
    assert (settings.engine_image, settings.http_port, settings.watch_namespace) == ("engine:1", 9000, "")


@pytest.mark.parametrize(
    ("environment", "words"),
    [
        ({}, "SCRUBJAY_ENGINE_IMAGE: Field required"),
        ({"SCRUBJAY_ENGINE_IMAGE": ""}, "SCRUBJAY_ENGINE_IMAGE: String should have at least 1 character"),
        ({"SCRUBJAY_ENGINE_IMAGE": "e", "SCRUBJAY_LOG_LEVEL": "loud"}, "SCRUBJAY_LOG_LEVEL: Input should be 'debug'"),
    ],
)
def test_wrong_ones_are_named(environment: dict[str, str], words: str) -> None:
    with pytest.raises(InvalidSettings) as refusal:
        Settings.read(environment)
    assert words in str(refusal.value)
