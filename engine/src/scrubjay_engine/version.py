"""Who we are: our own version, and the Redis and memcached versions whose behaviour we promise."""

VERSION = "0.1.0"
REDIS_VERSION = "7.0.15"
REDIS_VERSION_NUMBER = 0x0007000F
MEMCACHED_VERSION = "1.6.18"
