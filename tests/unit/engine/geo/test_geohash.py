"""Geohashes: known places, precision, and search ranges that leave no member out."""

import math
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scrubjay_engine.values import geohash

longitudes = st.floats(-180, 180)
latitudes = st.floats(-geohash.LATITUDE_MAX, geohash.LATITUDE_MAX)


def test_known_places() -> None:
    """The example of Redis' GEOADD and GEOHASH pages."""
    palermo = geohash.encode(13.361389, 38.115556)
    catania = geohash.encode(15.087269, 37.502669)
    assert (palermo, catania) == (3479099956230698, 3479447370796909)
    assert (geohash.text_of(palermo), geohash.text_of(catania)) == (b"sqc8b49rny0", b"sqdtr74hyu0")
    assert geohash.decode(palermo) == (13.361389338970184, 38.1155563954963)
    assert f"{geohash.distance(*geohash.decode(palermo), *geohash.decode(catania)):.4f}" == "166274.1516"


@given(longitudes, latitudes)
def test_decoding_is_near_what_was_encoded(longitude: float, latitude: float) -> None:
    score = geohash.encode(longitude, latitude)
    decoded = geohash.decode(score)
    if longitude < 179.99 and latitude < 85.05:  # the limits themselves fall off the grid, as in Redis
        assert 0 <= score < 1 << 52
        assert decoded[0] == pytest.approx(longitude, abs=180 / 2**25)
        assert decoded[1] == pytest.approx(latitude, abs=86 / 2**25)


@given(longitudes, latitudes, longitudes, latitudes)
def test_distance_is_symmetric_and_at_most_half_the_equator(a: float, b: float, c: float, d: float) -> None:
    assert geohash.distance(a, b, c, d) == pytest.approx(geohash.distance(c, d, a, b))
    assert 0 <= geohash.distance(a, b, c, d) <= math.pi * 6372797.560857


def test_limits() -> None:
    assert geohash.is_position(180, -85.05112878) and not geohash.is_position(180.1, 0)
    assert not geohash.is_position(0, 85.0512) and not geohash.is_position(float("nan"), 0)


@pytest.mark.parametrize("seed", range(20))
@pytest.mark.parametrize("box", [False, True])
def test_ranges_cover_the_shape(seed: int, box: bool) -> None:
    """Every member the shape contains lies in one of its ranges, and the ranges are disjoint."""
    rng = random.Random(seed)
    size = 10 ** rng.uniform(0, 6)
    centre = rng.uniform(-170, 170), rng.uniform(-70, 70)
    shape = geohash.Shape(*centre, width=2 * size, height=size, box=True) if box else geohash.Shape(*centre, size)
    ranges = shape.ranges()
    spread = size / 111_000 * 1.5
    for _ in range(300):
        longitude, latitude = centre[0] + rng.uniform(-spread, spread), centre[1] + rng.uniform(-spread, spread)
        if not geohash.is_position(longitude, latitude):
            continue
        score = geohash.encode(longitude, latitude)
        inside = sum(low <= score < high for low, high in ranges)
        assert inside <= 1
        if shape.contains(score) is not None:
            assert inside == 1, (shape.longitude, shape.latitude, longitude, latitude, size)


@pytest.mark.parametrize(
    "place", [(180.0, 51.5), (-180.0, 0.0), (0.0, geohash.LATITUDE_MAX), (180.0, geohash.LATITUDE_MAX)]
)
def test_a_member_on_the_edge_finds_itself(place: tuple[float, float]) -> None:
    score = geohash.encode(*place)
    shape = geohash.Shape(*geohash.decode(score), 0)
    assert shape.contains(score) is not None
    assert any(low <= score < high for low, high in shape.ranges())
