"""The same with redis-py's asyncio client. Arguments: host, port, protocol."""

import asyncio
import sys

import redis.asyncio as redis


async def main(host: str, port: int, protocol: int) -> None:
    pool = redis.ConnectionPool(host=host, port=port, protocol=protocol, max_connections=8, decode_responses=True)
    client = redis.Redis(connection_pool=pool)

    await asyncio.gather(*(client.incr("visits") for _ in range(8)))
    assert await client.get("visits") == "8"
    print("pool ok")

    async with client.pipeline(transaction=False) as pipe:
        for number in range(100):
            pipe.zadd("scores", {f"player{number}": number})
        pipe.zrange("scores", 97, -1, withscores=True)
        answers = await pipe.execute()
    assert [list(pair) for pair in answers[-1]] == [["player97", 97.0], ["player98", 98.0], ["player99", 99.0]]
    print("pipeline ok")

    async with client.pipeline(transaction=True) as pipe:
        answers = await pipe.set("a", 1).incr("a").expire("a", 100).execute()
    assert answers == [True, 2, True]
    print("transaction ok")

    assert await client.eval("return {KEYS[1], ARGV[1]}", 1, "key", "argument") == ["key", "argument"]
    print("script ok")

    waiting = asyncio.create_task(client.blmove("queue", "working", timeout=30))
    while (await client.info("clients"))["blocked_clients"] == 0:
        await asyncio.sleep(0)
    await client.rpush("queue", "job")
    assert await waiting == "job" and await client.lrange("working", 0, -1) == ["job"]
    print("blocking pop ok")

    async with client.pubsub() as listener:
        await listener.subscribe("news")
        first = await listener.get_message(timeout=30)
        assert first is not None and first["type"] == "subscribe"
        assert await client.publish("news", "hello") == 1
        message = await listener.get_message(timeout=30)
        assert message is not None and message["data"] == "hello"
    print("pub/sub ok")

    await client.aclose()
    await pool.aclose()


asyncio.run(main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3])))
