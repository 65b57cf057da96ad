import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.time.Duration;
import java.util.HashSet;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Set;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.common.serialization.ByteArrayDeserializer;

/**
 * Tells of each preset alert once.
 *
 * <p>The broker, the topic and the file of what has been told come from the environment, see below. An alert event may
 * come again, after a crash of presetwatch or of this program; its id tells. So ids are kept, and an offset is committed
 * only once its alert has been told: what is cut short comes again, and nothing is passed over.
 *
 * <p>Needs kafka-clients and jackson-databind.
 */
public final class Tell {
  private static final String BOOTSTRAP = given("PRESETWATCH_KAFKA_BOOTSTRAP", "127.0.0.1:9092");
  private static final String TOPIC = given("PRESETWATCH_ALERTS_TOPIC", "preset-alerts");
  private static final String GROUP = given("GROUP", "tell");
  private static final Path TOLD = Path.of(given("TOLD", "told.ids"));

  private static String given(String name, String otherwise) {
    return System.getenv().getOrDefault(name, otherwise);
  }

  public static void main(String[] arguments) throws IOException {
    Map<String, Object> settings =
        Map.of(
            "bootstrap.servers", BOOTSTRAP,
            "group.id", GROUP,
            "auto.offset.reset", "earliest",
            "session.timeout.ms", 10_000, // after a crash the next one waits for so long
            "enable.auto.commit", false);
    Set<String> told = Files.exists(TOLD) ? new HashSet<>(Files.readAllLines(TOLD)) : new HashSet<>();
    ObjectMapper json = new ObjectMapper();
    ByteArrayDeserializer asIs = new ByteArrayDeserializer();
    try (KafkaConsumer<byte[], byte[]> consumer = new KafkaConsumer<>(settings, asIs, asIs)) {
      consumer.subscribe(List.of(TOPIC));
      while (true) {
        for (ConsumerRecord<byte[], byte[]> record : consumer.poll(Duration.ofSeconds(1))) {
          tellOnce(told, json.readTree(record.value()));
        }
        consumer.commitSync();
      }
    }
  }

  private static void tellOnce(Set<String> told, JsonNode alert) throws IOException {
    String id = alert.get("id").asText();
    if (told.add(id)) {
      tell(alert);
      // If we die between the two, the alert is told twice.
      Files.write(TOLD, List.of(id), StandardOpenOption.CREATE, StandardOpenOption.APPEND);
    }
  }

  /** Says what has happened; put what you want to be done about it here. */
  private static void tell(JsonNode alert) {
    JsonNode rate = alert.get("error_rate");
    String share =
        rate.isNull()
            ? "no jobs"
            : String.format(
                Locale.ROOT, "%.1f%% of %d jobs failed", 100 * rate.asDouble(), alert.get("total").asLong());
    System.out.printf(
        "%s %s %s: %s (%s), %s%n",
        alert.get("at").asText(),
        alert.get("kind").asText(),
        alert.get("severity").asText(),
        alert.get("preset").asText(),
        alert.get("rule").asText(),
        share);
    System.out.flush();
  }
}
