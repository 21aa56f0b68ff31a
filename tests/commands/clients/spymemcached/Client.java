import java.net.InetSocketAddress;
import java.util.ArrayList;
import java.util.List;
import net.spy.memcached.BinaryConnectionFactory;
import net.spy.memcached.CASResponse;
import net.spy.memcached.CASValue;
import net.spy.memcached.DefaultConnectionFactory;
import net.spy.memcached.MemcachedClient;

/** spymemcached does what an application does. Arguments: HOST PORT text|binary; prints a line for each step. */
public class Client {
    static void check(boolean held, String what) {
        if (!held) {
            throw new AssertionError(what);
        }
    }

    public static void main(String[] words) throws Exception {
        boolean binary = words[2].equals("binary");
        List<InetSocketAddress> nodes = List.of(new InetSocketAddress(words[0], Integer.parseInt(words[1])));
        MemcachedClient client =
            new MemcachedClient(binary ? new BinaryConnectionFactory() : new DefaultConnectionFactory(), nodes);
        check(client.flush().get() && client.set("key", 100, "value").get(), "set");
        check("value".equals(client.get("key")), "get");
        System.out.println("set and get ok");
        check(!client.add("key", 0, "other").get() && client.replace("key", 0, 42).get(), "add and replace");
        check(client.get("key").equals(42), "a number comes back as one: flags");
        CASValue<Object> seen = client.gets("key");
        check(client.cas("key", seen.getCas() + 1, "x") == CASResponse.EXISTS, "cas of another");
        check(client.cas("key", seen.getCas(), "x") == CASResponse.OK, "cas");
        System.out.println("conditional stores ok");
        check(client.incr("n", 3, 10, 100) == 10 && client.incr("n", 3) == 13 && client.decr("n", 4) == 9, "counting");
        System.out.println("counting ok");
        List<String> keys = new ArrayList<>();
        for (int at = 0; at < 110; at++) {
            keys.add("many" + at);
            if (at < 100) {
                client.set("many" + at, 0, at);
            }
        }
        check(client.getBulk(keys).size() == 100, "bulk");
        byte[] big = new byte[500_000];
        check(client.set("big", 0, big).get() && ((byte[]) client.get("big")).length == big.length, "big");
        System.out.println("bulk ok");
        check(client.touch("key", 50).get() && client.delete("key").get() && client.get("key") == null, "delete");
        System.out.println("touch and delete ok");
        client.shutdown();
        System.exit(0);
    }
}
