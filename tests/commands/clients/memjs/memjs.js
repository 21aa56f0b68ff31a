// memjs (binary protocol) does what an application does. Arguments: HOST PORT; prints a line for each step.
const memjs = require("memjs");
const assert = require("assert");

async function main() {
  const client = memjs.Client.create(`${process.argv[2]}:${process.argv[3]}`);
  assert.strictEqual(await client.set("js:key", "value", {expires: 100}), true);
  assert.strictEqual((await client.get("js:key")).value.toString(), "value");
  console.log("set and get ok");
  assert.strictEqual(await client.add("js:key", "other", {}), false);
  assert.strictEqual(await client.replace("js:key", "third", {}), true);
  assert.strictEqual(await client.append("js:key", "!"), true);
  assert.strictEqual((await client.get("js:key")).value.toString(), "third!");
  console.log("conditional stores ok");
  assert.strictEqual((await client.increment("js:n", 5, {initial: 10})).value, 10);
  assert.strictEqual((await client.increment("js:n", 5, {initial: 10})).value, 15);
  assert.strictEqual((await client.decrement("js:n", 3, {})).value, 12);
  console.log("counting ok");
  assert.strictEqual(await client.touch("js:key", 50), true);
  assert.strictEqual(await client.delete("js:key"), true);
  assert.strictEqual((await client.get("js:key")).value, null);
  console.log("touch and delete ok");
  client.close();
}

main().catch((error) => { console.error(error); process.exit(1); });
