package kept.tokenizer;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.function.Consumer;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Compiled normalisation rules that the native libraries would follow out of their tables, for ever, or into no text. */
class CharsMapTest {
    private static final int UNITS = 1024;
    private static final int ROOT = 512;
    private static final int HAS_LEAF = 0x100;
    private static final int IS_VALUE = 1 << 31;

    @ParameterizedTest
    @ValueSource(strings = {"bpe-nmt-nfkc", "bpe-nfkc-cf-symbols", "unigram-nmt-nfkc-cf", "bpe-own-rules"})
    void rulesThatSentencePieceCompilesAreTaken(String name) throws IOException {
        byte[] rules = SentencePieceModel.parse(SentencePieceKinds.model(name), name).charsMap().bytes();
        assertThat(CharsMap.check(rules, name).bytes()).hasSizeGreaterThan(1000).isEqualTo(rules);
    }

    @Test
    void aSmallSoundMapIsTaken() {
        assertThat(CharsMap.check(map(units -> { }, "b\0"), "model").isEmpty()).isFalse();
        assertThat(CharsMap.check(new byte[0], "model").isEmpty()).isTrue();
        assertThat(CharsMap.check(new byte[0], "model").growth()).isEqualTo(1);
        assertThat(CharsMap.check(replacingA("b".repeat(7)), "model").growth()).isEqualTo(7);
        assertThat(CharsMap.check(replacingA(""), "model").growth()).isEqualTo(1);
    }

    @Test
    void aTableThatIsNotThereIsRefused() {
        for (int length = 1; length < 300; length++) {
            assertBroken(Arrays.copyOf(map(units -> { }, "b\0"), length), "its table has");
        }
        assertBroken(ByteBuffer.allocate(4 + UNITS * 4 + 2).order(ByteOrder.LITTLE_ENDIAN).putInt(UNITS * 4 + 1).array(), "its table has");
        assertBroken(ByteBuffer.allocate(4 + UNITS * 4).order(ByteOrder.LITTLE_ENDIAN).putInt(-4).array(), "its table has");
    }

    @Test
    void stepsOutsideTheTableAreRefused() {
        assertBroken(map(units -> units[0] = 4096 << 10, "b\0"), "points outside");
        assertBroken(map(units -> units[ROOT ^ 'a'] = 'a' | 0x1FFFFF << 10, "b\0"), "points outside");
        assertBroken(map(units -> units[ROOT ^ 'a'] = 'a' | HAS_LEAF | 8 << 10 | 0x200, "b\0"), "outside its table");
    }

    @Test
    void replacementsThatAreNoTextAreRefused() {
        assertBroken(map(units -> { }, "b"), "without an end");
        assertBroken(map(units -> units[256] = IS_VALUE | 2, "b\0"), "replacement outside");
        assertBroken(map(units -> units[256] = IS_VALUE | Integer.MAX_VALUE, "b\0"), "replacement outside");
        assertBroken(map(units -> units[256] = IS_VALUE | 1, "\u00e9\0"), "inside a character");
        byte[] noText = map(units -> { }, "bb\0");
        noText[noText.length - 2] = (byte) 0xC3;
        assertBroken(noText, "no UTF-8");
        assertBroken(map(units -> { }, "b".repeat(33) + "\0"), "replaces 1 bytes by more than 32");
    }

    /** The place of "a" leads to itself, so "aaaa..." is followed without end. */
    @Test
    void circlesAndTooManyNestedRulesAreRefused() {
        Consumer<int[]> circle = units -> units[ROOT ^ 'a'] = 'a' | 'a' << 10;
        assertBroken(map(circle, "b\0"), "runs in circles");
        assertBroken(map(units -> {
            circle.accept(units);
            units[ROOT ^ 'a'] |= HAS_LEAF;
            units[ROOT] = IS_VALUE;
        }, "b\0"), "more than 32 rules");
    }

    private static void assertBroken(byte[] rules, String problem) {
        assertThatThrownBy(() -> CharsMap.check(rules, "x.model")).isInstanceOf(TokenizerException.class)
                .hasMessageStartingWith("[tokenizer] x.model").hasMessageContainingAll("precompiled_charsmap", problem);
    }

    /** Rules that replace "a". */
    static byte[] replacingA(String by) {
        return map(units -> { }, by + "\0");
    }

    /** "a" becomes the first replacement: from the root's place it stands at ROOT ^ 'a' and leads to 256, where its value is. Then damage is done. */
    private static byte[] map(Consumer<int[]> damage, String replacements) {
        var units = new int[UNITS];
        Arrays.fill(units, IS_VALUE);
        units[0] = ROOT << 10;
        units[ROOT ^ 'a'] = 'a' | HAS_LEAF | (256 ^ ROOT ^ 'a') << 10;
        units[256] = IS_VALUE;
        damage.accept(units);
        byte[] text = replacements.getBytes(StandardCharsets.UTF_8);
        ByteBuffer bytes = ByteBuffer.allocate(4 + UNITS * 4 + text.length).order(ByteOrder.LITTLE_ENDIAN).putInt(UNITS * 4);
        Arrays.stream(units).forEach(bytes::putInt);
        return bytes.put(text).array();
    }
}
