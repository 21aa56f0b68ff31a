import java.util.List;
import java.util.Map;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.Executors;
import java.util.concurrent.TimeUnit;
import redis.clients.jedis.DefaultJedisClientConfig;
import redis.clients.jedis.HostAndPort;
import redis.clients.jedis.Jedis;
import redis.clients.jedis.JedisPooled;
import redis.clients.jedis.JedisPubSub;
import redis.clients.jedis.RedisProtocol;

/** What an application does with Jedis. Arguments: host, port, protocol. */
public final class Client {
  public static void main(String[] arguments) throws Exception {
    var address = new HostAndPort(arguments[0], Integer.parseInt(arguments[1]));
    var protocol = arguments[2].equals("3") ? RedisProtocol.RESP3 : RedisProtocol.RESP2;
    var config = DefaultJedisClientConfig.builder().protocol(protocol).socketTimeoutMillis(60_000).build();
    try (var client = new JedisPooled(address, config); var single = new Jedis(address, config)) {
      pool(client);
      pipeline(client);
      transaction(client, single);
      script(client);
      blockingPop(client);
      publishAndSubscribe(client);
    }
  }

  static void pool(JedisPooled client) throws Exception {
    var threads = Executors.newFixedThreadPool(8);
    for (int worker = 0; worker < 8; worker++) {
      threads.submit(() -> {
        for (int turn = 0; turn < 50; turn++) client.incr("visits");
      });
    }
    threads.shutdown();
    threads.awaitTermination(60, TimeUnit.SECONDS);
    same(client.get("visits"), "400");
    System.out.println("pool ok");
  }

  static void pipeline(JedisPooled client) {
    try (var pipe = client.pipelined()) {
      var added = pipe.hset("user:1", Map.of("name", "Ann", "age", "41"));
      var all = pipe.hgetAll("user:1");
      var score = pipe.zadd("scores", 1.5, "a");
      var ranked = pipe.zrangeWithScores("scores", 0, -1);
      pipe.sync();
      same(added.get(), 2L);
      same(all.get(), Map.of("name", "Ann", "age", "41"));
      same(score.get(), 1L);
      same(ranked.get().get(0).getScore(), 1.5);
    }
    System.out.println("pipeline ok");
  }

  static void transaction(JedisPooled client, Jedis single) {
    client.mset("balance:a", "100", "balance:b", "0");
    single.watch("balance:a");
    var kept = single.multi();
    kept.decrBy("balance:a", 10);
    kept.incrBy("balance:b", 10);
    same(kept.exec(), List.of(90L, 10L));
    single.watch("balance:a");
    client.set("balance:a", "0");
    var lost = single.multi();
    lost.incr("balance:b");
    same(lost.exec(), null);
    System.out.println("transaction ok");
  }

  static void script(JedisPooled client) {
    var sha = client.scriptLoad("return redis.call('INCRBY', KEYS[1], ARGV[1])");
    same(client.evalsha(sha, 1, "sum", "1"), 1L);
    same(client.evalsha(sha, 1, "sum", "2"), 3L);
    System.out.println("script ok");
  }

  static void blockingPop(JedisPooled client) throws Exception {
    var waiting = CompletableFuture.supplyAsync(() -> client.blpop(30, "queue"));
    while (!client.info("clients").contains("blocked_clients:1")) Thread.onSpinWait();
    client.rpush("queue", "job");
    same(waiting.get(60, TimeUnit.SECONDS), List.of("queue", "job"));
    System.out.println("blocking pop ok");
  }

  static void publishAndSubscribe(JedisPooled client) throws Exception {
    var subscribed = new CountDownLatch(1);
    var heard = new CompletableFuture<String>();
    var listener = new JedisPubSub() {
      @Override public void onSubscribe(String channel, int count) {
        subscribed.countDown();
      }

      @Override public void onMessage(String channel, String message) {
        heard.complete(channel + " " + message);
        unsubscribe();
      }
    };
    var thread = new Thread(() -> client.subscribe(listener, "news"));
    thread.start();
    subscribed.await(60, TimeUnit.SECONDS);
    same(client.publish("news", "hello"), 1L);
    same(heard.get(60, TimeUnit.SECONDS), "news hello");
    thread.join(60_000);
    System.out.println("pub/sub ok");
  }

  static void same(Object got, Object expected) {
    if (!java.util.Objects.equals(got, expected)) throw new AssertionError("got " + got + ", not " + expected);
  }
}
