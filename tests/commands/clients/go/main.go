// What an application does with go-redis. Arguments: host, port, protocol.
package main

import (
	"context"
	"fmt"
	"os"
	"reflect"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/redis/go-redis/v9"
)

func check(err error) {
	if err != nil {
		panic(err)
	}
}

func same(got, expected any) {
	if !reflect.DeepEqual(got, expected) {
		panic(fmt.Sprintf("got %#v, not %#v", got, expected))
	}
}

func main() {
	ctx := context.Background()
	protocol, err := strconv.Atoi(os.Args[3])
	check(err)
	client := redis.NewClient(&redis.Options{Addr: os.Args[1] + ":" + os.Args[2], Protocol: protocol, PoolSize: 8})
	defer client.Close()

	// A pool: every goroutine takes a connection for as long as its command needs one.
	var group sync.WaitGroup
	for range 8 {
		group.Add(1)
		go func() {
			defer group.Done()
			for range 100 {
				check(client.Incr(ctx, "visits").Err())
			}
		}()
	}
	group.Wait()
	same(client.Get(ctx, "visits").Val(), "800")
	fmt.Println("pool ok")

	// A pipeline: many commands, one round trip.
	pipe := client.Pipeline()
	pipe.HSet(ctx, "user:1", "name", "Ann", "age", 41)
	all := pipe.HGetAll(ctx, "user:1")
	scores := pipe.ZAddArgs(ctx, "scores", redis.ZAddArgs{Members: []redis.Z{{Score: 1.5, Member: "a"}, {Score: 2, Member: "b"}}})
	ranked := pipe.ZRangeWithScores(ctx, "scores", 0, -1)
	_, err = pipe.Exec(ctx)
	check(err)
	same(all.Val(), map[string]string{"name": "Ann", "age": "41"})
	same(scores.Val(), int64(2))
	same(ranked.Val(), []redis.Z{{Score: 1.5, Member: "a"}, {Score: 2, Member: "b"}})
	fmt.Println("pipeline ok")

	// A transaction that notices when somebody else was quicker.
	check(client.MSet(ctx, "balance:a", 100, "balance:b", 0).Err())
	move := func(tx *redis.Tx) error {
		balance, err := tx.Get(ctx, "balance:a").Int()
		check(err)
		if balance == 100 {
			check(client.Set(ctx, "balance:a", 90, 0).Err())
		}
		_, err = tx.TxPipelined(ctx, func(pipe redis.Pipeliner) error {
			pipe.DecrBy(ctx, "balance:a", 10)
			pipe.IncrBy(ctx, "balance:b", 10)
			return nil
		})
		return err
	}
	same(client.Watch(ctx, move, "balance:a"), redis.TxFailedErr)
	check(client.Watch(ctx, move, "balance:a"))
	same(client.MGet(ctx, "balance:a", "balance:b").Val(), []any{"80", "10"})
	fmt.Println("transaction ok")

	// A script: called by its digest, sent when the server does not know it.
	add := redis.NewScript("return redis.call('INCRBY', KEYS[1], ARGV[1])")
	same(add.Run(ctx, client, []string{"sum"}, 1).Val(), int64(1))
	same(add.Run(ctx, client, []string{"sum"}, 2).Val(), int64(3))
	fmt.Println("script ok")

	// A blocking pop: a worker waits for work.
	work := make(chan []string)
	go func() { work <- client.BLPop(ctx, 30*time.Second, "queue").Val() }()
	for !strings.Contains(client.Info(ctx, "clients").Val(), "blocked_clients:1") {
	}
	check(client.RPush(ctx, "queue", "job").Err())
	same(<-work, []string{"queue", "job"})
	fmt.Println("blocking pop ok")

	// Publish and subscribe.
	listener := client.Subscribe(ctx, "news")
	_, err = listener.Receive(ctx)
	check(err)
	same(client.Publish(ctx, "news", "hello").Val(), int64(1))
	message, err := listener.ReceiveMessage(ctx)
	check(err)
	same([]string{message.Channel, message.Payload}, []string{"news", "hello"})
	check(listener.Close())
	fmt.Println("pub/sub ok")
}
