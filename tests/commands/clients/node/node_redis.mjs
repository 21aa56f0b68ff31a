// What an application does with node-redis. Arguments: host, port, protocol.
import assert from "node:assert/strict";
import { createClient, createClientPool, defineScript, WatchError } from "redis";

const [host, port, RESP] = [process.argv[2], Number(process.argv[3]), Number(process.argv[4])];
const addTo = defineScript({
  NUMBER_OF_KEYS: 1,
  SCRIPT: "return redis.call('INCRBY', KEYS[1], ARGV[1])",
  parseCommand(parser, key, amount) {
    parser.pushKey(key);
    parser.push(String(amount));
  },
  transformReply: undefined,
});
const options = { socket: { host, port }, RESP, scripts: { addTo } };
const client = await createClient(options).connect();
const pool = await createClientPool(options, { minimum: 1, maximum: 4 }).connect();

await Promise.all(Array.from({ length: 300 }, () => pool.incr("visits")));
assert.equal(await client.get("visits"), "300");
console.log("pool ok");

// Commands of one turn of the event loop go out together: a pipeline without being asked.
const [added, all] = await Promise.all([client.hSet("user:1", { name: "Ann", age: 41 }), client.hGetAll("user:1")]);
assert.equal(added, 2);
assert.deepEqual({ ...all }, { name: "Ann", age: "41" });
console.log("pipeline ok");

await client.mSet({ "balance:a": "100", "balance:b": "0" });
assert.deepEqual(await client.multi().decrBy("balance:a", 10).incrBy("balance:b", 10).exec(), [90, 10]);
await client.watch("balance:a");
await pool.set("balance:a", "0");
await assert.rejects(client.multi().incr("balance:b").exec(), WatchError);
console.log("transaction ok");

assert.equal(await client.addTo("sum", 1), 1);
assert.equal(await client.addTo("sum", 2), 3);
console.log("script ok");

const waiting = pool.execute((connection) => connection.blPop("queue", 30));
while (!(await client.info("clients")).includes("blocked_clients:1"));
await client.rPush("queue", "job");
const popped = await waiting;
assert.deepEqual({ ...popped }, { key: "queue", element: "job" });
console.log("blocking pop ok");

const listener = await client.duplicate().connect();
let tell;
const heard = new Promise((resolve) => (tell = resolve));
await listener.subscribe("news", (text, channel) => tell([channel, text]));
assert.equal(await client.publish("news", "hello"), 1);
assert.deepEqual(await heard, ["news", "hello"]);
console.log("pub/sub ok");

await listener.close();
await pool.close();
await client.close();
