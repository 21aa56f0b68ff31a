// What an application does with ioredis. Arguments: host, port.
import assert from "node:assert/strict";
import { Redis } from "ioredis";

const [host, port] = [process.argv[2], Number(process.argv[3])];
const connect = () => new Redis({ host, port, maxRetriesPerRequest: 3 });
const client = connect();

// ioredis shares one connection among all callers; a few of them are a pool.
const pool = [connect(), connect(), connect()];
await Promise.all(Array.from({ length: 300 }, (_, i) => pool[i % 3].incr("visits")));
assert.equal(await client.get("visits"), "300");
console.log("pool ok");

const answers = await client.pipeline().hset("user:1", { name: "Ann", age: 41 }).hgetall("user:1").exec();
assert.deepEqual(answers.map(([, value]) => value), [2, { name: "Ann", age: "41" }]);
console.log("pipeline ok");

await client.mset("balance:a", 100, "balance:b", 0);
await client.watch("balance:a");
const moved = await client.multi().decrby("balance:a", 10).incrby("balance:b", 10).exec();
assert.deepEqual(moved, [[null, 90], [null, 10]]);
await client.watch("balance:a");
await pool[0].set("balance:a", 0);
assert.equal(await client.multi().incr("balance:b").exec(), null);
console.log("transaction ok");

client.defineCommand("addTo", { numberOfKeys: 1, lua: "return redis.call('INCRBY', KEYS[1], ARGV[1])" });
assert.equal(await client.addTo("sum", 1), 1);
assert.equal(await client.addTo("sum", 2), 3);
console.log("script ok");

const waiting = pool[1].blpop("queue", 30);
while (!(await client.info("clients")).includes("blocked_clients:1"));
await client.rpush("queue", "job");
assert.deepEqual(await waiting, ["queue", "job"]);
console.log("blocking pop ok");

const heard = new Promise((resolve) => pool[2].on("message", (channel, text) => resolve([channel, text])));
await pool[2].subscribe("news");
assert.equal(await client.publish("news", "hello"), 1);
assert.deepEqual(await heard, ["news", "hello"]);
console.log("pub/sub ok");

await Promise.all([client, ...pool].map((connection) => connection.quit()));
