package kept.corpus;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.io.InputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Files that pyarrow has written; make_parquet.py beside them. */
class ParquetReaderTest {
    @TempDir
    private Path folder;

    @ParameterizedTest
    @ValueSource(strings = {"none", "snappy", "zstd", "gzip"})
    void rowsGiveTheirTextInOrder(String codec) throws IOException {
        Path file = resource("text." + codec + ".parquet");
        List<Document> documents = new ArrayList<>();
        try (DocumentReader reader = Corpus.of(List.of(file), "text").open()) {
            for (Document document = reader.next(); document != null; document = reader.next()) {
                documents.add(document);
            }
            assertThat(reader.next()).isNull();
            assertThat(reader.extent()).isEqualTo(new TextExtent(1, 1, Files.size(file), Files.size(file), new PassedOver(0, Map.of(), 0, 2, 0)));
        }
        assertThat(documents).hasSize(248);
        assertThat(documents.getFirst()).isEqualTo(new Document(file.getFileName() + "#1", "Row 0 tells that 0 is the square of 0: é 猫 🙂."));
        assertThat(documents.get(3)).isEqualTo(new Document(file.getFileName() + "#6", "two\nlines"));
        assertThat(documents.getLast().text()).isEqualTo("Row 249 tells that 62001 is the square of 249: é 猫 🙂.");
    }

    @Test
    void anUnsupportedCompressionIsTold() throws IOException {
        Path file = resource("text.lz4.parquet");
        assertThatThrownBy(() -> read(file, "text")).isInstanceOf(CorpusException.class).hasMessageContaining(file.toString())
                .hasMessageContaining("its compression is not supported; write it with snappy, zstd, gzip or none");
    }

    @Test
    void aColumnOfMessagesIsAConversation() throws IOException {
        List<Document> documents = read(resource("messages.parquet"), "text");
        assertThat(documents).hasSize(2);
        assertThat(documents.get(1).conversation().orElseThrow().messages()).containsExactly(Map.of("role", "system", "content", "Be brief."),
                Map.of("role", "user", "content", "Why?"), Map.of("role", "assistant", "content", "So."));
        assertThat(read(resource("messages.parquet"), "source")).extracting(Document::text).containsExactly("a", "b", "c");
    }

    @Test
    void shareGptsColumnsAreAConversationWithSystemAndTools() throws IOException {
        Document.Conversation conversation = read(resource("sharegpt.parquet"), "text").getFirst().conversation().orElseThrow();
        assertThat(conversation.messages()).containsExactly(Map.of("role", "system", "content", "Be brief."),
                Map.of("role", "user", "content", "Hello"), Map.of("role", "assistant", "content", "Hi!"));
        assertThat(conversation.tools()).contains(List.of(Map.of("name", "f")));
    }

    @Test
    void whatIsNoTextIsToldWithItsRow() throws IOException {
        Path latin = resource("latin.parquet");
        assertThatThrownBy(() -> read(latin, "text")).isInstanceOf(CorpusException.class).hasMessageContaining(
                latin + ", row 2, column text is not UTF-8: byte 0xE9 at offset 3");
        Path numbers = resource("numbers.parquet");
        assertThatThrownBy(() -> read(numbers, "text")).hasMessageContaining(numbers + ", row 1 has no text in field \"text\" but a number: 1");
        assertThatThrownBy(() -> read(latin, "body")).hasMessageContaining(latin + " has no field \"body\"; its fields are [text]; --text-field");
    }

    @Test
    void aBrokenFileIsTold() throws IOException {
        byte[] whole = Files.readAllBytes(resource("text.zstd.parquet"));
        Path cut = Files.write(folder.resolve("cut.parquet"), Arrays.copyOf(whole, whole.length / 2));
        assertThatThrownBy(() -> read(cut, "text")).isInstanceOf(CorpusException.class).hasMessageContaining(cut.toString())
                .hasMessageContaining("is it complete?").message().doesNotContain("\n");
        byte[] damaged = whole.clone();
        Arrays.fill(damaged, 100, 400, (byte) 0x5A);
        Path other = Files.write(folder.resolve("damaged.parquet"), damaged);
        assertThatThrownBy(() -> read(other, "text")).isInstanceOf(CorpusException.class).hasMessageContaining(other.toString())
                .hasMessageContaining("is it complete?").message().doesNotContain("\n");
        Path text = Files.writeString(folder.resolve("text.parquet"), "no table");
        assertThatThrownBy(() -> read(text, "text")).isInstanceOf(CorpusException.class).hasMessageContaining("cannot be read as Parquet");
        Path empty = Files.writeString(folder.resolve("empty.parquet"), "");
        assertThatThrownBy(() -> read(empty, "text")).isInstanceOf(CorpusException.class).hasMessageContaining(empty.toString());
    }

    private static List<Document> read(Path file, String field) {
        List<Document> documents = new ArrayList<>();
        try (DocumentReader reader = Corpus.of(List.of(file), field).open()) {
            for (Document document = reader.next(); document != null; document = reader.next()) {
                documents.add(document);
            }
        }
        return documents;
    }

    private Path resource(String name) throws IOException {
        Path file = folder.resolve(name);
        if (!Files.exists(file)) {
            try (InputStream in = ParquetReaderTest.class.getResourceAsStream(name)) {
                Files.copy(in, file);
            }
        }
        return file;
    }
}
