"""What an application does with redis-py: pool, pipeline, transaction, script, blocking pop, publish and subscribe. Arguments: host, port, protocol."""

import sys
import threading

import redis

host, port, protocol = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
pool = redis.ConnectionPool(host=host, port=port, protocol=protocol, max_connections=8, decode_responses=True)
client = redis.Redis(connection_pool=pool)

# A pool: several threads, each with a connection of its own for as long as it needs one.
threads = [threading.Thread(target=lambda: [client.incr("visits") for _ in range(100)]) for _ in range(4)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
assert client.get("visits") == "400"
print("pool ok")

# A pipeline: many commands, one round trip.
with client.pipeline(transaction=False) as pipe:
    for number in range(100):
        pipe.hset("user:1", f"field{number}", number)
    pipe.hgetall("user:1")
    answers = pipe.execute()
assert answers[-1]["field99"] == "99" and len(answers) == 101
print("pipeline ok")


# A transaction that is tried again when somebody else was quicker.
def move(pipe: redis.client.Pipeline) -> None:
    balance = int(pipe.get("balance:a"))
    pipe.multi()
    pipe.set("balance:a", balance - 10)
    pipe.incrby("balance:b", 10)


client.mset({"balance:a": 100, "balance:b": 0})
assert client.transaction(move, "balance:a") == [True, 10]
with client.pipeline() as pipe:
    pipe.watch("balance:a")
    client.set("balance:a", 0)
    pipe.multi()
    pipe.incr("balance:b")
    try:
        pipe.execute()
        raise SystemExit("a watched key was changed and nobody noticed")
    except redis.WatchError:
        print("transaction ok")

# A script: sent once, then called by its digest.
add = client.register_script("return redis.call('INCRBY', KEYS[1], ARGV[1])")
assert [add(keys=["sum"], args=[n]) for n in (1, 2, 3)] == [1, 3, 6]
print("script ok")

# A blocking pop: a worker waits for work.
done: list[object] = []
worker = threading.Thread(target=lambda: done.append(client.blpop(["queue"], timeout=30)))
worker.start()
while client.info("clients")["blocked_clients"] == 0:
    pass
client.rpush("queue", "job")
worker.join()
assert [list(item) for item in done] == [["queue", "job"]], done
print("blocking pop ok")

# Publish and subscribe.
with client.pubsub() as listener:
    listener.subscribe("news")
    listener.psubscribe("weather.*")
    while client.pubsub_numpat() == 0 or client.pubsub_numsub("news")[0][1] == 0:
        pass
    assert client.publish("news", "hello") == 1 and client.publish("weather.home", "rain") == 1
    heard: list[str] = []
    while len(heard) < 2:
        message = listener.get_message(timeout=30, ignore_subscribe_messages=True)
        if message is not None:
            heard.append(message["data"])
assert heard == ["hello", "rain"]
print("pub/sub ok")
