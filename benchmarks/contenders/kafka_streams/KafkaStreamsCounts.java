import com.fasterxml.jackson.annotation.JsonIgnoreProperties;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.time.Duration;
import java.util.HashSet;
import java.util.Map;
import java.util.Properties;
import java.util.Set;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicLong;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.common.serialization.Deserializer;
import org.apache.kafka.common.serialization.Serde;
import org.apache.kafka.common.serialization.Serdes;
import org.apache.kafka.streams.KafkaStreams;
import org.apache.kafka.streams.KeyValue;
import org.apache.kafka.streams.StreamsBuilder;
import org.apache.kafka.streams.kstream.Consumed;
import org.apache.kafka.streams.kstream.Grouped;
import org.apache.kafka.streams.kstream.KStream;
import org.apache.kafka.streams.kstream.Materialized;
import org.apache.kafka.streams.kstream.Produced;
import org.apache.kafka.streams.kstream.TimeWindows;
import org.apache.kafka.streams.kstream.Windowed;
import org.apache.kafka.streams.processor.PunctuationType;
import org.apache.kafka.streams.processor.TimestampExtractor;
import org.apache.kafka.streams.processor.api.Processor;
import org.apache.kafka.streams.processor.api.ProcessorContext;
import org.apache.kafka.streams.processor.api.Record;
import org.apache.kafka.streams.state.StoreBuilder;
import org.apache.kafka.streams.state.Stores;
import org.apache.kafka.streams.state.WindowStore;

/**
 * Kafka Streams on the job: `processor` keeps a cached in-memory window store per source partition, `dsl` repartitions
 * by preset and aggregates. Both send the windows that have changed once a second. Second argument: stream threads.
 */
public class KafkaStreamsCounts {
    static final long WINDOW_MS = 60_000;
    static final Duration RETENTION = Duration.ofDays(4);
    static final ObjectMapper JSON = new ObjectMapper();
    static final long WANTED = Long.parseLong(System.getenv("EVENTS"));
    static final AtomicLong done = new AtomicLong();
    static final AtomicBoolean begun = new AtomicBoolean();
    static final CountDownLatch over = new CountDownLatch(1);

    @JsonIgnoreProperties(ignoreUnknown = true)
    public static class Payload {
        public String id;
        public String preset;
        public String status;
    }

    @JsonIgnoreProperties(ignoreUnknown = true)
    public static class Event {
        public String type;
        public double event_ts;
        public Payload payload;

        boolean failed() {
            return type.equals("batch-processor.error");
        }
    }

    record Counts(long finished, long error) {
        Counts add(boolean failed) {
            if (done.incrementAndGet() == WANTED) {
                say("LAST");
                over.countDown();
            }
            return failed ? new Counts(finished, error + 1) : new Counts(finished + 1, error);
        }
    }

    static final Serde<Counts> COUNTS = Serdes.serdeFrom(
        (topic, counts) -> ByteBuffer.allocate(16).putLong(counts.finished()).putLong(counts.error()).array(),
        (topic, bytes) -> {
            if (bytes == null) return null;
            ByteBuffer buffer = ByteBuffer.wrap(bytes);
            return new Counts(buffer.getLong(), buffer.getLong());
        });

    static class EventReader implements Deserializer<Event> {
        @Override
        public Event deserialize(String topic, byte[] bytes) {
            if (!begun.get() && begun.compareAndSet(false, true)) say("FIRST");
            try {
                return JSON.readValue(bytes, Event.class);
            } catch (Exception error) {
                throw new RuntimeException(error);
            }
        }
    }

    static class EventTime implements TimestampExtractor {
        @Override
        public long extract(ConsumerRecord<Object, Object> record, long partitionTime) {
            return (long) (((Event) record.value()).event_ts * 1000);
        }
    }

    static void say(String word) {
        System.out.println(word);
        System.out.flush();
    }

    static byte[] json(String preset, long start, int partition, Counts counts) {
        return ("{\"preset\":\"" + preset + "\",\"window_start\":" + start + ",\"partition\":" + partition
            + ",\"finished\":" + counts.finished() + ",\"error\":" + counts.error() + "}").getBytes(StandardCharsets.UTF_8);
    }

    /** Counts the events of one source partition. */
    static class CountByPartition implements Processor<String, Event, String, byte[]> {
        private ProcessorContext<String, byte[]> context;
        private WindowStore<String, Counts> store;
        private int partition;
        private final Set<Map.Entry<String, Long>> dirty = new HashSet<>();

        @Override
        public void init(ProcessorContext<String, byte[]> given) {
            context = given;
            store = given.getStateStore("counts");
            partition = given.taskId().partition();
            given.schedule(Duration.ofSeconds(1), PunctuationType.WALL_CLOCK_TIME, at -> flush());
        }

        private void flush() {
            for (Map.Entry<String, Long> window : dirty) {
                String preset = window.getKey();
                long start = window.getValue();
                byte[] said = json(preset, start, partition, store.fetch(preset, start));
                context.forward(new Record<>(preset + "|" + start + "|" + partition, said, start));
            }
            dirty.clear();
        }

        @Override
        public void process(Record<String, Event> record) {
            Event event = record.value();
            String preset = event.payload.preset;
            long start = record.timestamp() / WINDOW_MS * WINDOW_MS;
            Counts counts = store.fetch(preset, start);
            store.put(preset, (counts == null ? new Counts(0, 0) : counts).add(event.failed()), start);
            dirty.add(Map.entry(preset, start));
        }
    }

    /** Turns a window of the DSL's table into a record of the output topic. */
    static class Tell implements Processor<Windowed<String>, Counts, String, byte[]> {
        private ProcessorContext<String, byte[]> context;

        @Override
        public void init(ProcessorContext<String, byte[]> given) {
            context = given;
        }

        @Override
        public void process(Record<Windowed<String>, Counts> record) {
            String preset = record.key().key();
            long start = record.key().window().start();
            context.forward(record.withKey(preset + "|" + start).withValue(json(preset, start, -1, record.value())));
        }
    }

    static KStream<String, byte[]> byProcessor(StreamsBuilder builder, KStream<String, Event> events) {
        StoreBuilder<WindowStore<String, Counts>> store = Stores.windowStoreBuilder(
            Stores.inMemoryWindowStore("counts", RETENTION, Duration.ofMillis(WINDOW_MS), false), Serdes.String(), COUNTS)
            .withCachingEnabled();
        builder.addStateStore(store);
        return events.process(CountByPartition::new, "counts");
    }

    static KStream<String, byte[]> byDsl(KStream<String, Event> events) {
        return events
            .map((key, event) -> KeyValue.pair(event.payload.preset, event.failed() ? "e" : "f"))
            .groupByKey(Grouped.with(Serdes.String(), Serdes.String()))
            .windowedBy(TimeWindows.ofSizeAndGrace(Duration.ofMillis(WINDOW_MS), RETENTION.minusMinutes(1)))
            .aggregate(() -> new Counts(0, 0), (key, kind, counts) -> counts.add(kind.equals("e")),
                Materialized.<String, Counts>as(
                    Stores.inMemoryWindowStore("counts", RETENTION, Duration.ofMillis(WINDOW_MS), false))
                    .withKeySerde(Serdes.String()).withValueSerde(COUNTS).withCachingEnabled())
            .toStream()
            .process(Tell::new);
    }

    public static void main(String[] arguments) throws Exception {
        Properties settings = new Properties();
        settings.put("application.id", System.getenv("RUN"));
        settings.put("bootstrap.servers", System.getenv("BOOTSTRAP"));
        settings.put("num.stream.threads", Integer.parseInt(arguments[1]));
        settings.put("commit.interval.ms", 1000);
        settings.put("auto.offset.reset", "earliest");
        settings.put("state.dir", Files.createTempDirectory("kafka-streams").toString());
        settings.put("replication.factor", 1);
        StreamsBuilder builder = new StreamsBuilder();
        Serde<Event> events = Serdes.serdeFrom((topic, event) -> null, new EventReader());
        KStream<String, Event> source = builder.stream(System.getenv("EVENTS_TOPIC"),
            Consumed.with(Serdes.String(), events).withTimestampExtractor(new EventTime()));
        (arguments[0].equals("dsl") ? byDsl(source) : byProcessor(builder, source))
            .to(System.getenv("OUT_TOPIC"), Produced.with(Serdes.String(), Serdes.ByteArray()));
        KafkaStreams streams = new KafkaStreams(builder.build(), settings);
        streams.start();
        over.await();
        Thread.sleep(2500);
        streams.close(Duration.ofSeconds(10));
        Runtime.getRuntime().halt(0);
    }
}
