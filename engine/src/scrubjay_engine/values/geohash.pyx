# cython: boundscheck=False, wraparound=False, cdivision=True
"""Positions on Earth as 52-bit geohashes: encoding, decoding, distances, and the score ranges that cover an area.

The hash interleaves 26 bits of longitude and 26 of latitude (Web Mercator's range, so that the cells are square) and is
exact in a double, which is how a sorted set keeps it as a score. The floating-point steps follow Redis 7.0's order, so
scores, coordinates and distances agree to the last digit. Who keeps and sorts the members is `commands.geo`.
"""

from libc.math cimport M_PI, asin, cos, fabs, sin, sqrt
from libc.stdint cimport uint32_t, uint64_t
from cpython.bytes cimport PyBytes_FromStringAndSize

LONGITUDE_MAX = 180.0
LATITUDE_MAX = 85.05112878

cdef enum:
    FULL_STEP = 26

cdef double LONGITUDE_LIMIT = 180.0
cdef double LATITUDE_LIMIT = 85.05112878
cdef double EARTH_RADIUS = 6372797.560856       # quadratic mean radius of WGS-84, in metres
cdef double MERCATOR_LIMIT = 20037726.37        # half the equator in Web Mercator, in metres
cdef double RADIANS = M_PI / 180.0
cdef uint64_t LONGITUDE_BITS = 0xAAAAAAAAAAAAAAAAULL
cdef uint64_t LATITUDE_BITS = 0x5555555555555555ULL
cdef int[9] EAST        # the order of cells: the centre's, then those around it
cdef int[9] NORTH
EAST[:] = [0, 0, 0, 1, -1, 1, -1, 1, -1]
NORTH[:] = [0, 1, -1, 0, 0, 1, 1, -1, -1]
cdef const char* ALPHABET = b"0123456789bcdefghjkmnpqrstuvwxyz"


# A cell of the grid: 2 * step bits.
cdef struct Cell:
    uint64_t bits
    int step


cdef struct Area:
    double west
    double east
    double south
    double north


cdef inline uint64_t spread(uint32_t value) noexcept nogil:
    """Put a zero bit before each bit."""
    cdef uint64_t x = value
    x = (x | (x << 16)) & 0x0000FFFF0000FFFFULL
    x = (x | (x << 8)) & 0x00FF00FF00FF00FFULL
    x = (x | (x << 4)) & 0x0F0F0F0F0F0F0F0FULL
    x = (x | (x << 2)) & 0x3333333333333333ULL
    return (x | (x << 1)) & LATITUDE_BITS


cdef inline uint32_t squeeze(uint64_t x) noexcept nogil:
    """The even bits, side by side."""
    x &= LATITUDE_BITS
    x = (x | (x >> 1)) & 0x3333333333333333ULL
    x = (x | (x >> 2)) & 0x0F0F0F0F0F0F0F0FULL
    x = (x | (x >> 4)) & 0x00FF00FF00FF00FFULL
    x = (x | (x >> 8)) & 0x0000FFFF0000FFFFULL
    return <uint32_t>(x | (x >> 16))


cdef inline uint64_t cell_bits(double longitude, double latitude, double latitude_limit, int step) noexcept nogil:
    cdef double x = (longitude - -LONGITUDE_LIMIT) / (LONGITUDE_LIMIT - -LONGITUDE_LIMIT)
    cdef double y = (latitude - -latitude_limit) / (latitude_limit - -latitude_limit)
    x *= <double>(<uint64_t>1 << step)
    y *= <double>(<uint64_t>1 << step)
    return spread(<uint32_t><uint64_t>y) | (spread(<uint32_t><uint64_t>x) << 1)


cdef inline Area area_of(Cell cell) noexcept nogil:
    cdef double y = squeeze(cell.bits)
    cdef double x = squeeze(cell.bits >> 1)
    cdef double cells = <double>(<uint64_t>1 << cell.step)
    cdef double height = LATITUDE_LIMIT - -LATITUDE_LIMIT
    cdef double width = LONGITUDE_LIMIT - -LONGITUDE_LIMIT
    cdef Area area
    area.south = -LATITUDE_LIMIT + (y / cells) * height
    area.north = -LATITUDE_LIMIT + ((y + 1) / cells) * height
    area.west = -LONGITUDE_LIMIT + (x / cells) * width
    area.east = -LONGITUDE_LIMIT + ((x + 1) / cells) * width
    return area


cdef inline double clamp(double value, double limit) noexcept nogil:
    return limit if value > limit else -limit if value < -limit else value


cdef inline void centre_of(uint64_t bits, double* longitude, double* latitude) noexcept nogil:
    cdef Area area = area_of(Cell(bits, FULL_STEP))
    longitude[0] = clamp((area.west + area.east) / 2, LONGITUDE_LIMIT)
    latitude[0] = clamp((area.south + area.north) / 2, LATITUDE_LIMIT)


cdef inline Cell neighbour(Cell cell, int east, int north) noexcept nogil:
    """The cell one column and/or row away; the grid wraps around.

    The very edge (180 degrees) encodes to a column beyond the grid, which stays as it is unless columns are moved, as in Redis.
    """
    cdef int unused = 64 - cell.step * 2
    cdef uint64_t x = cell.bits & LONGITUDE_BITS
    cdef uint64_t y = cell.bits & LATITUDE_BITS
    cdef uint64_t x_fill = LATITUDE_BITS >> unused      # ones between the bits of x, so that a carry passes over them
    cdef uint64_t y_fill = LONGITUDE_BITS >> unused
    if east:
        x = x + (x_fill + 1) if east > 0 else (x | x_fill) - (x_fill + 1)
        x &= LONGITUDE_BITS >> unused
    if north:
        y = y + (y_fill + 1) if north > 0 else (y | y_fill) - (y_fill + 1)
        y &= LATITUDE_BITS >> unused
    return Cell(x | y, cell.step)


cdef inline double meridian_distance(double latitude1, double latitude2) noexcept nogil:
    return EARTH_RADIUS * fabs(latitude2 * RADIANS - latitude1 * RADIANS)


cdef inline double great_circle(double longitude1, double latitude1, double longitude2, double latitude2) noexcept nogil:
    """The haversine distance in metres."""
    cdef double v = sin((longitude2 * RADIANS - longitude1 * RADIANS) / 2)
    cdef double first, second, u
    if v == 0.0:
        return meridian_distance(latitude1, latitude2)
    first = latitude1 * RADIANS
    second = latitude2 * RADIANS
    u = sin((second - first) / 2)
    return 2.0 * EARTH_RADIUS * asin(sqrt(u * u + cos(first) * cos(second) * v * v))


cdef bint on_earth(double longitude, double latitude) noexcept nogil:
    return fabs(longitude) <= LONGITUDE_LIMIT and fabs(latitude) <= LATITUDE_LIMIT


cdef uint64_t hash_of(double longitude, double latitude) noexcept nogil:
    return cell_bits(longitude, latitude, LATITUDE_LIMIT, FULL_STEP)


cdef void position_of(double score, double* longitude, double* latitude) noexcept nogil:
    centre_of(<uint64_t>score, longitude, latitude)


cdef double metres_between(double longitude1, double latitude1, double longitude2, double latitude2) noexcept nogil:
    return great_circle(longitude1, latitude1, longitude2, latitude2)


cdef void write_text(double score, char* text) noexcept nogil:
    """The standard geohash, 11 characters; its latitudes run to +-90 degrees, and its last character is always 0."""
    cdef double longitude = 0
    cdef double latitude = 0
    cdef uint64_t bits
    cdef int i
    centre_of(<uint64_t>score, &longitude, &latitude)
    bits = cell_bits(longitude, latitude, 90.0, FULL_STEP)
    for i in range(10):
        text[i] = ALPHABET[(bits >> (47 - 5 * i)) & 31]
    text[10] = c"0"


def is_position(double longitude, double latitude) -> bool:
    """True inside the range that can be hashed: +-180 degrees, and +-85.05112878 (the poles cannot)."""
    return on_earth(longitude, latitude)


def encode(double longitude, double latitude) -> int:
    """The 52-bit geohash of a position in degrees."""
    return hash_of(longitude, latitude)


def decode(double score):
    """(longitude, latitude) of the middle of a geohash's cell."""
    cdef double longitude = 0
    cdef double latitude = 0
    position_of(score, &longitude, &latitude)
    return longitude, latitude


def distance(double longitude1, double latitude1, double longitude2, double latitude2) -> float:
    """Metres between two positions in degrees."""
    return great_circle(longitude1, latitude1, longitude2, latitude2)


def text_of(double score) -> bytes:
    """The standard geohash as text."""
    cdef char text[11]
    write_text(score, text)
    return PyBytes_FromStringAndSize(text, 11)


cdef class Shape:
    """A circle or a box around a position. Lengths are in metres; `width` is 0 for a circle."""

    def __init__(self, double longitude, double latitude, double radius=0, double width=0, double height=0, *, bint box=False):
        self.longitude = longitude
        self.latitude = latitude
        self.radius = radius
        self.width = width if box else -1
        self.height = height

    cdef bint inside(self, double score, double* longitude, double* latitude, double* metres) noexcept:
        """Whether a member is inside; if so, where it is and how far from the centre."""
        position_of(score, longitude, latitude)
        if self.width < 0:
            metres[0] = great_circle(self.longitude, self.latitude, longitude[0], latitude[0])
            return metres[0] <= self.radius
        if meridian_distance(latitude[0], self.latitude) > self.height / 2:
            return False
        if great_circle(longitude[0], latitude[0], self.longitude, latitude[0]) > self.width / 2:
            return False
        metres[0] = great_circle(self.longitude, self.latitude, longitude[0], latitude[0])
        return True

    def contains(self, double score):
        """(longitude, latitude, distance in metres) of a member inside the shape, else None."""
        cdef double longitude = 0
        cdef double latitude = 0
        cdef double metres = 0
        if not self.inside(score, &longitude, &latitude, &metres):
            return None
        return longitude, latitude, metres

    def ranges(self) -> list:
        """Score ranges [(low, high), ...] (high excluded) that cover the shape: the centre's cell, then those around it."""
        cdef ScoreRange ranges[9]
        cdef int i
        return [(ranges[i].low, ranges[i].high) for i in range(self.cover(ranges))]

    cdef int cover(self, ScoreRange* ranges) noexcept:
        """As `ranges`, into room for nine; how many."""
        cdef Area bounds = bounds_of(self)
        cdef int step = steps_for(self)
        cdef Cell centre = Cell(cell_bits(self.longitude, self.latitude, LATITUDE_LIMIT, step), step)
        cdef Cell cell
        cdef Area area
        cdef Cell previous = Cell(0, 0)
        cdef int east, north, i
        cdef int found = 0
        if step > 1 and (
            area_of(neighbour(centre, 0, 1)).north < bounds.north
            or area_of(neighbour(centre, 0, -1)).south > bounds.south
            or area_of(neighbour(centre, 1, 0)).east < bounds.east
            or area_of(neighbour(centre, -1, 0)).west > bounds.west
        ):
            step -= 1
            centre = Cell(cell_bits(self.longitude, self.latitude, LATITUDE_LIMIT, step), step)
        area = area_of(centre)
        for i in range(9):
            east = EAST[i]
            north = NORTH[i]
            if step >= 2 and (
                (north < 0 and area.south < bounds.south)
                or (north > 0 and area.north > bounds.north)
                or (east < 0 and area.west < bounds.west)
                or (east > 0 and area.east > bounds.east)
            ):
                continue
            cell = neighbour(centre, east, north)
            if found and cell.bits == previous.bits:    # a very wide shape: neighbours wrap around to the same cell
                continue
            previous = cell
            ranges[found].low = cell.bits << (52 - 2 * step)
            ranges[found].high = (cell.bits + 1) << (52 - 2 * step)
            found += 1
        return found


cdef Area bounds_of(Shape shape) noexcept:
    cdef double half_height = shape.radius if shape.width < 0 else shape.height / 2
    cdef double half_width = shape.radius if shape.width < 0 else shape.width / 2
    cdef double rows = half_height / EARTH_RADIUS / RADIANS
    cdef double top = half_width / EARTH_RADIUS / cos((shape.latitude + rows) * RADIANS) / RADIANS
    cdef double bottom = half_width / EARTH_RADIUS / cos((shape.latitude - rows) * RADIANS) / RADIANS
    cdef double columns = bottom if shape.latitude < 0 else top      # the side nearer to a pole is the wider one
    return Area(
        shape.longitude - columns, shape.longitude + columns, shape.latitude - rows, shape.latitude + rows
    )


cdef int steps_for(Shape shape) noexcept:
    """The finest grid whose 3 x 3 cells around the centre usually cover the shape."""
    cdef double reach = shape.radius
    cdef int step = 1
    if shape.width >= 0:
        reach = sqrt((shape.width / 2) * (shape.width / 2) + (shape.height / 2) * (shape.height / 2))
    if reach == 0:
        return FULL_STEP
    while reach < MERCATOR_LIMIT:
        reach *= 2
        step += 1
    step -= 2
    if fabs(shape.latitude) > 66:
        step -= 2 if fabs(shape.latitude) > 80 else 1
    return max(1, min(step, FULL_STEP))
