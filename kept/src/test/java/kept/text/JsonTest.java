package kept.text;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** The one JSON reader. */
class JsonTest {
    @TempDir
    private Path folder;

    @ParameterizedTest
    @ValueSource(strings = {
        "null", " 1 ", "-0", "-0.0", "1.5e-3", "12345678901234567890", "\"\"", "\"a\\u00e9\\n\\ud83d\\ude42\"", "[]", "{}",
        "[1, [2, {\"a\": [true]}], false]",
        "{\"a\": {\"b\": null}, \"\": 0}", "\n{\r\n\t\"k\" : \"v\" }\n", "1e400", "-2147483648", "9223372036854775807", "0.1"
    })
    void whatIsJsonIsReadAsTheLibraryReadsIt(String text) throws IOException {
        assertThat(Json.parse(text)).isEqualTo(new ObjectMapper().readTree(text));
        assertThat(Json.parseRecord(text)).isEqualTo(new ObjectMapper().readTree(text));
    }

    @ParameterizedTest
    @ValueSource(strings = {
        "{\"a\": 1} {\"a\": 2}", "{} }", "1 2", "null,", "[1] // comment", "\"a\" \"b\"", "{\"a\": 1}\n{\"a\": 2}", "[]]",
        "{}\u0000", "true false", "{},"
    })
    void whatFollowsTheValueIsRefused(String text) {
        assertThatThrownBy(() -> Json.parse(text)).isInstanceOf(JsonException.class).message().doesNotContain("Unexpected", "token", "Jackson");
        assertThatThrownBy(() -> Json.parseRecord(text)).isInstanceOf(JsonException.class);
    }

    @Test
    void whatFollowsIsShownWithItsPlace() {
        assertThatThrownBy(() -> Json.parse("{\"a\": 1}\n\n  {\"b\": 2}")).hasMessage("line 3, column 3: more follows after the end of the value: "
                + "\"{\"b\": 2}\"; a file, or a line of a .jsonl file, holds one value");
        assertThatThrownBy(() -> Json.parse("{} {}")).isInstanceOfSatisfying(JsonException.class,
                e -> assertThat(e.withinLine()).startsWith("column 4: more follows"));
    }

    @ParameterizedTest
    @CsvSource(delimiter = '|', value = {
        "{\"a\": 1, \"a\": 2}|line 1, column 10: the key \"a\" occurs twice in one object",
        "[{\"b\": {\"c\": 1, \"d\": 1, \"c\": 1}}]|line 1, column 25: the key \"c\" occurs twice in one object",
        "{\"a\\u001b[2J\": 1, \"a\\u001b[2J\": 1}|line 1, column 19: the key \"a\\u001b[2J\" occurs twice in one object",
        "{\"a\": nul}|not JSON near \"{\"a\": nul}\"",
        "{'a': 1}|line 1, column 2: not JSON near \"{'a': 1}\"",
        "{\"a\": 1,}|not JSON near \"{\"a\": 1,}\"",
        "<html>|line 1, column 1: not JSON near \"<html>\"",
        "{\"a\": \"b|it ends in the middle of a value",
        "[1, 2|it ends in the middle of a value",
        "\"\\x\"|not JSON near",
        "01|not JSON near",
        "NaN|not JSON near",
        "[-Infinity]|not JSON near"
    })
    void whatIsWrongIsSaidInWordsOfOurOwn(String text, String message) {
        assertThatThrownBy(() -> Json.parse(text)).isInstanceOf(JsonException.class).hasMessageContaining(message)
                .message().doesNotContain("com.fasterxml", "Unexpected", "StreamRead", "Source:", "was expecting");
    }

    @Test
    void pythonsNumbersStandInRecordsOnly() throws IOException {
        JsonNode record = Json.parseRecord("{\"a\": NaN, \"b\": [Infinity, -Infinity], \"text\": \"t\"}");
        assertThat(record.path("a").doubleValue()).isNaN();
        assertThat(record.at("/b/1").doubleValue()).isEqualTo(Double.NEGATIVE_INFINITY);
        assertThatThrownBy(() -> Json.parse("{\"a\": NaN}")).hasMessageContaining("not JSON near \"{\"a\": NaN}\"");
        assertThatThrownBy(() -> Json.parseRecord("{\"a\": nan}")).hasMessageContaining("not JSON near");
    }

    @Test
    void stringsAndNamesHaveAnyLength() throws IOException {
        String longest = "x".repeat(21_000_000);
        JsonNode value = Json.parse("{\"" + "k".repeat(60_000) + "\": 1, \"text\": \"" + longest + "\"}");
        assertThat(value.path("text").textValue()).isEqualTo(longest);
        assertThat(value.size()).isEqualTo(2);
    }

    @Test
    void depthAndNumbersAreBounded() throws IOException {
        for (String innermost : List.of("", "1", "{}")) {
            int left = innermost.equals("{}") ? 999 : 1000;
            assertThat(Json.parse("[".repeat(left) + innermost + "]".repeat(left)).isArray()).isTrue();
            assertThatThrownBy(() -> Json.parse("[".repeat(left + 1) + innermost + "]".repeat(left + 1))).as("lists around '%s'", innermost)
                    .isInstanceOf(JsonException.class).hasMessageContaining("nested more than 1,000 deep");
        }
        for (String innermost : List.of("1", "{}", "[]")) {
            int left = innermost.equals("1") ? 1000 : 999;
            assertThat(Json.parse("{\"a\":".repeat(left) + innermost + "}".repeat(left)).isObject()).isTrue();
            assertThatThrownBy(() -> Json.parse("{\"a\":".repeat(left + 1) + innermost + "}".repeat(left + 1))).as("objects around '%s'", innermost)
                    .isInstanceOf(JsonException.class).hasMessageContaining("nested more than 1,000 deep");
        }
        assertThatThrownBy(() -> Json.parse("{\"a\":".repeat(100_000))).hasMessageContaining(": nested more than 1,000 deep");
        assertThatThrownBy(() -> Json.parse("[" + "9".repeat(1001) + "]")).hasMessageContaining(": it has a number of more than 1,000 characters");
        assertThatThrownBy(() -> Json.parse("[" + "9".repeat(2000) + "]")).hasMessageContaining("number of more than 1,000 characters");
    }

    @Test
    void nothingIsNoValue() {
        assertThatThrownBy(() -> Json.parse("")).hasMessage("it is empty");
        assertThatThrownBy(() -> Json.parse(" \n")).hasMessage("it holds nothing but white space");
    }

    @Test
    void aFileMayBeginWithAByteOrderMarkOfUtf8AndOfNothingElse() throws IOException {
        assertThat(Json.read(file("\uFEFF{\"a\": 1}".getBytes(StandardCharsets.UTF_8))).path("a").intValue()).isEqualTo(1);
        assertThatThrownBy(() -> Json.read(file("\uFEFF{}".getBytes(StandardCharsets.UTF_16LE)))).satisfies(
                e -> assertThat(Reasons.of((IOException) e)).contains("UTF-16LE").contains("iconv"));
        assertThatThrownBy(() -> Json.read(file("\uFEFF{}".getBytes(StandardCharsets.UTF_16BE)))).satisfies(
                e -> assertThat(Reasons.of((IOException) e)).contains("UTF-16BE"));
        assertThatThrownBy(() -> Json.read(file(new byte[] {'"', 'a', (byte) 0xE9, '"'}))).satisfies(
                e -> assertThat(Reasons.of((IOException) e)).isEqualTo("it is not UTF-8: byte 0xE9 at offset 2; convert it to UTF-8"));
        assertThatThrownBy(() -> Json.read(folder)).satisfies(e -> assertThat(Reasons.of((IOException) e)).isEqualTo("it is a directory"));
        assertThatThrownBy(() -> Json.read(folder.resolve("none"))).satisfies(
                e -> assertThat(Reasons.of((IOException) e)).isEqualTo("no such file or directory"));
    }

    private Path file(byte[] bytes) throws IOException {
        return Files.write(folder.resolve("a.json"), bytes);
    }

    @Test
    void fortyCharactersOfTheLineAroundAnErrorAreShown() {
        String before = "0123456789".repeat(3);
        assertThatThrownBy(() -> Json.parse("[\n\"" + before + "\", x" + before + "\n]")).isInstanceOf(JsonException.class)
                .message().contains("line 2, column").contains("near \"34567890123456789\", x0123456789012345678\"");
        assertThatThrownBy(() -> Json.parse("{} [" + "1,".repeat(40))).message().contains(": \"[" + "1,".repeat(19) + "1\";");
        assertThatThrownBy(() -> Json.parse("{} [1,2\n,3]")).message().contains(": \"[1,2\";");
    }

    @Test
    void whatHasNoLineHasNoColumn() {
        assertThatThrownBy(() -> Json.parse("")).isInstanceOfSatisfying(JsonException.class,
                e -> assertThat(e.withinLine()).isEqualTo("it is empty"));
    }

    /** Names chosen to have one hash code. */
    @Test
    @Timeout(30)
    void namesOfOneHashCodeTakeNoLonger() throws IOException {
        String object = IntStream.range(0, 1 << 16).mapToObj(number -> "\"" + IntStream.range(0, 16)
                .mapToObj(bit -> (number >> bit & 1) == 0 ? "Aa" : "BB").collect(Collectors.joining()) + "\":" + number)
                .collect(Collectors.joining(",", "{", "}"));
        JsonNode read = Json.parse(object);
        assertThat(read).hasSize(1 << 16);
        assertThat(read.path("BB".repeat(16)).asInt()).isEqualTo((1 << 16) - 1);
        assertThat(Json.toMap((ObjectNode) read)).hasSize(1 << 16).containsEntry("Aa".repeat(16), 0);
        assertThat(Json.parse(Json.write(read))).isEqualTo(read);
        String twice = object.replace("}", ",\"" + "Aa".repeat(16) + "\":1}");
        assertThatThrownBy(() -> Json.parse(twice)).message().contains("occurs twice");
    }
}
