package kept.tokenizer;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class SafePatternTest {
    @ParameterizedTest
    @ValueSource(strings = {
        " ", " {2,}", "\\A +", "\\s+", "\\p{N}{1,3}", "\\d", "[^\\n]+|\\n", "(?:<sep>|<tool>)", "(<sep>)|(<tool>)",
        "[\u4e00-\u9fa5\u3040-\u309f]+", "(?i)abc", "(?i:'s|'t)", "[a-z&&[^aeiou]]+", "(?<!\u2581)\u2581+\\z", "\\x{1F600}",
        "\ud83d\ude80+", "[+\\-*/.,]", "ab*", "a?b?c", "a{3}", "\\bword\\b",
        "'s|'t|'re|'ve|'m|'ll|'d| ?\\p{L}+| ?\\p{N}+| ?[^\\s\\p{L}\\p{N}]+|\\s+(?!\\S)|\\s+",
        "\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+", "\\s*[\r\n]+|\\s+(?!\\S)|\\s+", "x|\\s*[\\r\\n]|\\s+|\\s", "\\s+|\\s*[\\r\\n]+"})
    void linearPatternsAreTaken(String pattern) {
        assertThat(SafePattern.accepts(pattern)).isTrue();
    }

    /** The first two are linear, but only by what another alternative would take. */
    @ParameterizedTest
    @ValueSource(strings = {
        "\\s+(?!\\S)", "\\s*[\\r\\n]+", "(.*)*x$", "(a+)+", "(a|a)*x", "(?:a+)+$", "a*a*a*x", ".*x", "[\\s\\S]*x", "a+$", "a+b", "(a+)b",
        "(a|b+)c", "(\\w+\\s?)+", "(a)\\1", "\\k<x>", "(?<x>a)", "(?<x>a)\\g<x>", "\\g<0>a", "a**", "a++", "a+*", "a{2,}{2,}",
        "a{1,100000}", "a{,}", "(a{0,300}){0,300}", "a{0,300}b", "a*", "", "a|", "|a", "()", "(?=a)", "(?!a)", "^", "$", "(", ")", "[",
        "[a", "[]a]", "[^]a]", "a)", "(?x)a b", "(?m:.)", "(?<=a+)b", "(?=a*)b", "\\", "\\x", "\\x{110000000}", "\\u12", "\\p", "\\p{",
        "\\p{L", "*", "?a", "{2}", "\\R", "\\X", "(?~a)", "(?(1)a|b)", "(?#a)b", "a(?i)b", "(?>a+)b", "(?:\\p{N}{3})+(?!\\p{N})"})
    void othersAreNot(String pattern) {
        assertThat(SafePattern.accepts(pattern)).isFalse();
    }

    @Test
    void lineBreaksAreSpelledAsEscapesExceptAfterABackslash() {
        assertThat(SafePattern.spelled("[^\r\n\\p{L}]\\r\\\\\n")).isEqualTo("[^\\r\\n\\p{L}]\\r\\\\\\n");
        assertThat(SafePattern.spelled("\\\n")).as("a line break that is escaped").isEqualTo("\\\n");
    }

    /** A run on which one alternative fails is then matched in small parts, and each part begins with the same failure. */
    @ParameterizedTest
    @ValueSource(strings = {
        "\\s*[\\r\\n]+|\\s|\\s+", "\\s*[\\r\\n]+|x|\\s+", "\\s+(?!\\S)|\\s{1,3}|\\s+", "\\s*[\\r\\n]|\\p{Z}|\\s+(?!\\S)|\\s+",
        "[^\\r\\n\\p{L}\\p{N}]?[\\p{Lu}\\p{Lt}\\p{Lm}\\p{Lo}\\p{M}]*[\\p{Ll}\\p{Lm}\\p{Lo}\\p{M}]+|\\p{Lu}"
                + "|[^\\r\\n\\p{L}\\p{N}]?[\\p{Lu}\\p{Lt}\\p{Lm}\\p{Lo}\\p{M}]+[\\p{Ll}\\p{Lm}\\p{Lo}\\p{M}]*"})
    void runsThatAreNotTakenUpAsAWholeAreRefused(String pattern) {
        assertThat(SafePattern.accepts(pattern)).isFalse();
    }

    /** What all alternatives look at in all their ways, at every place of a text, is bounded together. */
    @Test
    void stepsAreCounted() {
        assertThat(SafePattern.steps("abc|d")).hasValue(4);
        assertThat(SafePattern.steps("a{2,3}b")).hasValue(8);
        assertThat(SafePattern.steps("(?:ab|c)d?")).as("two ways, each with one more or not").hasValue(12);
        assertThat(SafePattern.steps("a(?=bc|d)")).hasValue(4);
        assertThat(SafePattern.steps("a+")).hasValue(1);
        assertThat(SafePattern.steps("a{1,16}a{1,15}[^ab]")).as("240 ways of up to 32").hasValue(240 * 32);
        assertThat(SafePattern.accepts("a{1,16}a{1,15}[^ab]|a{1,16}a{1,15}[^ac]|a{1,16}a{1,15}[^ad]")).isFalse();
        assertThat(SafePattern.accepts("|[^a]{1000}b".repeat(16).substring(1))).isTrue();
        assertThat(SafePattern.accepts("|[^a]{1000}b".repeat(17).substring(1))).isFalse();
        assertThat(SafePattern.accepts("a(?!" + "|[^a]{1000}b".repeat(17).substring(1) + ")")).isFalse();
    }

    @Test
    void sizeAndDepthAreBounded() {
        assertThat(SafePattern.accepts("(".repeat(8) + "a" + ")".repeat(8))).isTrue();
        assertThat(SafePattern.accepts("(".repeat(9) + "a" + ")".repeat(9))).isFalse();
        assertThat(SafePattern.accepts("(".repeat(100_000))).isFalse();
        assertThat(SafePattern.accepts("(".repeat(30_000) + "a" + ")".repeat(30_000))).isFalse();
        assertThat(SafePattern.accepts("[".repeat(30_000))).isFalse();
        assertThat(SafePattern.accepts("a|".repeat(255) + "a")).isTrue();
        assertThat(SafePattern.accepts("a|".repeat(256) + "a")).isFalse();
        assertThat(SafePattern.accepts("a".repeat(65_537))).isFalse();
        assertThat(SafePattern.accepts("a?".repeat(8) + "b")).isTrue();
        assertThat(SafePattern.accepts("a?".repeat(9) + "b")).isFalse();
    }
}
