LONGITUDE_MAX: float
LATITUDE_MAX: float

def is_position(longitude: float, latitude: float) -> bool: ...
def encode(longitude: float, latitude: float) -> int: ...
def decode(score: float) -> tuple[float, float]: ...
def distance(longitude1: float, latitude1: float, longitude2: float, latitude2: float) -> float: ...
def text_of(score: float) -> bytes: ...

class Shape:
    longitude: float
    latitude: float
    radius: float
    width: float
    height: float
    def __init__(
        self,
        longitude: float,
        latitude: float,
        radius: float = 0,
        width: float = 0,
        height: float = 0,
        *,
        box: bool = False,
    ) -> None: ...
    def contains(self, score: float) -> tuple[float, float, float] | None: ...
    def ranges(self) -> list[tuple[int, int]]: ...
