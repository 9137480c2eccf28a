package kept.io;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.assertj.core.api.ThrowableAssert.ThrowingCallable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class JsonObjectTest {
    @TempDir
    private Path folder;

    private JsonObject object(String content) throws IOException {
        return JsonObject.read("config", Files.writeString(folder.resolve("a.json"), content));
    }

    @Test
    void valuesOfEachType() throws IOException {
        JsonObject object = object("{\"s\": \"x\", \"i\": 2147483647, \"n\": 1.5, \"t\": true, \"f\": false, \"o\": {\"i\": -1}, "
            + "\"list\": [3, 1], \"words\": [\"a\", \"\"], \"none\": null}");
        assertThat(object.string("s")).isEqualTo("x");
        assertThat(object.integer("i")).isEqualTo(Integer.MAX_VALUE);
        assertThat(object.number("n")).isEqualTo(1.5);
        assertThat(object.number("i")).isEqualTo(2147483647.0);
        assertThat(object.flag("t", false)).isTrue();
        assertThat(object.flag("f", true)).isFalse();
        assertThat(object.object("o").integer("i")).isEqualTo(-1);
        assertThat(object.integers("i")).containsExactly(Integer.MAX_VALUE);
        assertThat(object.integers("list")).containsExactly(3, 1);
        assertThat(object.strings("words")).containsExactly("a", "");
        assertThat(object.keys()).containsExactly("s", "i", "n", "t", "f", "o", "list", "words", "none");
    }

    @Test
    void whatIsAbsentOrNullIsItsDefault() throws IOException {
        JsonObject object = object("{\"none\": null, \"zero\": 0}");
        for (String key : List.of("none", "absent")) {
            assertThat(object.has(key)).isFalse();
            assertThat(object.string(key, "y")).isEqualTo("y");
            assertThat(object.integer(key, 7)).isEqualTo(7);
            assertThat(object.number(key, 0.5)).isEqualTo(0.5);
            assertThat(object.flag(key, true)).isTrue();
            assertThat(object.integers(key)).isEmpty();
            assertThat(object.strings(key)).isEmpty();
            refused(() -> object.string(key), key + " is missing");
            refused(() -> object.object(key), key + " is missing");
        }
        assertThat(object.isNull("none")).isTrue();
        assertThat(object.isNull("absent")).isFalse();
        assertThat(object.isNull("zero")).isFalse();
    }

    @Test
    void anotherTypeIsNamedWithItsKeyAndValue() throws IOException {
        JsonObject object = object("{\"s\": 1, \"i\": 2147483648, \"e\": 1e400, \"f\": 1.0, \"n\": \"1\", \"t\": 1, \"o\": [], "
            + "\"list\": [1, \"2\"], \"words\": [\"a\", 2], \"word\": \"a\", \"in\": {\"x\": []}}");
        refused(() -> object.string("s"), "s must be a string, not 1");
        refused(() -> object.integer("i"), "i must be an integer of at most 32 bits, not 2147483648");
        refused(() -> object.integer("f"), "f must be an integer of at most 32 bits, not 1.0");
        refused(() -> object.integer("e"), "e is out of range of 64-bit floating point");
        refused(() -> object.number("e"), "e is out of range of 64-bit floating point");
        refused(() -> object.number("n"), "n must be a number, not \"1\"");
        refused(() -> object.flag("t", true), "t must be true or false, not 1");
        refused(() -> object.flag("e", true), "e is out of range of 64-bit floating point");
        refused(() -> object.object("o"), "o must be an object, not []");
        refused(() -> object.integers("list"), "list must be an integer of at most 32 bits, not \"2\"");
        refused(() -> object.strings("words"), "words must be a list of strings, not [\"a\",2]");
        refused(() -> object.strings("word"), "word must be a list of strings, not \"a\"");
        refused(() -> object.object("in").integer("x"), "in.x must be an integer of at most 32 bits, not []");
    }

    private void refused(ThrowingCallable read, String problem) {
        assertThatExceptionOfType(FileException.class).isThrownBy(read)
            .withMessage("[config] %s: %s", folder.resolve("a.json"), problem);
    }
}
