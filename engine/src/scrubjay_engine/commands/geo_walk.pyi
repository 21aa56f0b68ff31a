from scrubjay_engine.values.geohash import Shape
from scrubjay_engine.values.sorted_set_value import SortedSetValue

def find_members(value: SortedSetValue, shape: Shape, limit: int) -> list[tuple[float, bytes, float, float, float]]: ...
