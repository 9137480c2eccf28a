package kept.template;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.lang.management.ManagementFactory;
import java.util.List;
import java.util.Map;
import java.util.function.IntFunction;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;

/** Templates that would take time, memory or the stack without bounds. */
class TemplateLimitsTest {
    private static final String DOUBLING = "{% set ns = namespace(x=START) %}{% for i in range(100000) %}{% set ns.x = STEP %}{% endfor %}";
    /** What one hostile template may allocate in all, most of it garbage at once. */
    private static final long MAX_ALLOCATED = 1L << 30;

    private static String doubling(String start, String step) {
        return DOUBLING.replace("START", start).replace("STEP", step);
    }

    private static Arguments of(String template, String message) {
        return Arguments.of(template, message);
    }

    static Stream<Arguments> hostile() {
        // Which of several limits comes first is no promise.
        String characters = "the limit";
        String elements = "the limit";
        String steps = "the limit";
        String loops = "{% for a in range(100000) %}{% for b in range(100000) %}";
        return Stream.of(
                of(doubling("'x'", "ns.x ~ ns.x"), characters), of(doubling("'x'", "ns.x + ns.x"), characters), of(doubling("'x'", "ns.x * 2"),
                        characters),
                of(doubling("'x'", "[ns.x, ns.x]|join"), characters), of(doubling("'x'", "ns.x|replace('x', 'xx')"), characters),
                of(doubling("'x'", "ns.x.replace('', 'x')"), characters), of(doubling("'x'", "'%s%s' % (ns.x, ns.x)"), characters),
                of(doubling("'x'", "'{0}{0}'.format(ns.x)"), characters), of(doubling("'x'", "ns.x.join([ns.x, ns.x])"), characters),
                of(doubling("'&'", "ns.x|forceescape|string"), characters),
                of(doubling("'x'", "ns.x|tojson|tojson"), characters), of(doubling("'\\n'", "(ns.x|indent(9, true, true)) ~ ns.x"), characters),
                of(doubling("'é'", "ns.x|urlencode|urlencode"), characters), of(doubling("[1]", "ns.x + ns.x"), elements), of(doubling("[1]",
                        "ns.x * 2"), elements),
                of(doubling("(1,)", "ns.x + ns.x"), elements), of(doubling("[1]", "[ns.x, ns.x]") + "{{ ns.x }}", "nested"),
                of(doubling("[1]", "[ns.x, ns.x]").replace("100000", "60") + "{{ ns.x }}", characters),
                of(doubling("[1]", "[ns.x, ns.x]").replace("100000", "60") + "{{ ns.x|tojson }}", characters),
                of(doubling("[1]", "[ns.x, ns.x]").replace("100000", "60") + "{{ ns.x == (ns.x|list) }}{{ ns.x|string|length }}", characters),
                of(doubling("2", "ns.x * ns.x"), "an int of more than"), of(doubling("2", "ns.x ** 2"), "an int of more than"),
                        of("{{ (9 ** 9) ** (9 ** 9) }}", "an int of more than"),
                of("{{ 10 ** 5000 }}", "digits"), of("{{ 2 ** 1000000000000000000000 }}", "an int of more than"),
                        of("{{ '%2000000000d'|format(1) }}", characters),
                of("{{ '%.2000000000d' % 1 }}", characters), of("{{ '%.2000000000f' % 1.5 }}", characters), of("{{ '%*d' % (2000000000, 1) }}",
                        characters),
                of("{{ '{:2000000000}'.format(1) }}", "decimal digits"), of("{{ '{:200000000}'.format(1) }}", characters),
                        of("{{ '{:.200000000f}'.format(1.0) }}", characters),
                of("{{ 'x'.center(2000000000) }}", characters), of("{{ 'x'|center(2000000000) }}", characters), of("{{ 'x'.zfill(2000000000) }}",
                        characters),
                of("{{ 'x'.ljust(2000000000) }}", characters), of("{{ '\t'.expandtabs(2000000000) }}", characters), of("{{ 'x' * 2000000000 }}",
                        characters),
                of("{{ [1] * 2000000000 }}", elements), of("{{ 'x'|indent(2000000000, true) }}", characters),
                        of("{{ [1]|tojson(indent=2000000000) }}", characters),
                of("{{ [1]|batch(2000000000, 0)|list }}", elements), of("{{ []|slice(2000000000)|list }}", elements), of("{{ range(100001) }}",
                        "Range too big"),
                of("{% for i in range(100000) %}{{ range(100000)|list|length }}{% endfor %}", elements), of(loops + "{% endfor %}{% endfor %}",
                        steps),
                of(loops + "{{ 'x' * 1000 }}{% endfor %}{% endfor %}", characters),
                        of("{% for i in range(100000) %}{{ 5 in range(100000)|map('string') }}{% endfor %}", steps),
                of("{% for i in range(100000) %}{{ ('a' * 100000)|length }}{% endfor %}", characters),
                of("{% set a = 'a' * 1000000 %}{% for i in range(100000) %}{{ 'b' in a }}{% endfor %}", steps),
                of("{% set a = 'a' * 1000000 %}{% set b = 'a' * 500000 ~ 'b' %}{% for i in range(100000) %}{{ b in a }}{% endfor %}", steps),
                of("{% set a = 'a' * 1000000 %}{% set b = 'b' ~ 'a' * 500000 %}{% for i in range(100000) %}"
                        + "{{ a.rfind(b) }}{{ a.rsplit(b)|length }}{% endfor %}", ""),
                of("{% set a = '9' * 4000 %}{% for i in range(100000) %}{{ a|int * a|int }}{% endfor %}", ""),
                of("{% set l = range(50000)|list %}{% for i in range(100000) %}{{ l|sort|length }}{% endfor %}", elements),
                of("{% set l = range(50000)|list %}{% for i in range(100000) %}{{ 'x' in l }}{% endfor %}", steps),
                of("{% macro m() %}{{ m() }}{% endmacro %}{{ m() }}", "deep"),
                        of("{% macro m() %}{{ caller }}{% call m() %}{% endcall %}{% endmacro %}{{ m() }}", "deep"),
                of("{% macro m(n) %}{{ m(n) }}{{ m(n) }}{% endmacro %}{{ m(1) }}", "deep"),
                        of("{% for x in [[]] recursive %}{{ loop([x]) }}{% endfor %}", "deep"),
                of("{% block b %}{{ self.b() }}{% endblock %}", "deep"), of(doubling("[]", "[ns.x]") + "{{ ns.x|tojson }}", "nested"),
                of(doubling("()", "(ns.x,)") + "{{ {ns.x: 1} }}", "deep"), of(doubling("[]",
                        "[ns.x]") + "{{ ns.x == [ns.x] }}{{ ns.x < [ns.x, 1] }}", "nested"),
                of(doubling("numbers", "ns.x|map('string')") + "{{ ns.x|list }}", "deep"),
                of("{{ " + "(".repeat(100_000) + "1" + ")".repeat(100_000) + " }}", "nested"), of("{{ " + "[".repeat(100_000) + "1 }}", ""),
                of("{{ " + "not ".repeat(100_000) + "1 }}", "nested"), of("{{ " + "-".repeat(100_000) + "1 }}", "nested"),
                        of("{{ 1" + " + 1".repeat(100_000) + " }}", "nested"),
                of("{{ x" + ".x".repeat(100_000) + " }}", "nested"), of("{{ x" + "|string".repeat(100_000) + " }}", "nested"),
                        of("{{ x" + "()".repeat(100_000) + " }}", "nested"),
                of("{{ 1" + " if 1 else 1".repeat(50_000) + " }}", "nested"), of("{{ " + "{1:".repeat(50_000) + " }}", ""),
                of("{% if 1 %}".repeat(3_000) + "{% endif %}".repeat(3_000), "nested"), of("{% for x in y %}".repeat(3_000), "nested"),
                        of("{% for ".repeat(3_500), "unexpected"),
                of("{% set x %}".repeat(3_000), "nested"), of("{% macro m() %}".repeat(3_000), "nested"), of("{% raw %}".repeat(50_000), "raw"),
                        of("{#".repeat(50_000), "comment"),
                of("x".repeat(1_000_001), "limit"), of("{{ '" + "\\x".repeat(100_000) + "' }}", "hexadecimal"),
                        of("{{ " + "9".repeat(100_000) + " }}", "digits"),
                of("{{ 0x" + "f".repeat(900_000) + " }}", "digits"), of("{{ 0o" + "7".repeat(4_301) + " }}", "digits"),
                of("{{ 0B_" + "1".repeat(4_301) + " }}", "digits"),
                of("{% set ns = namespace(k=(1,)) %}{% for i in range(45) %}{% set ns.k = (ns.k, ns.k) %}{% endfor %}{{ {ns.k: 1} }}", "the limit"),
                of("{{ '{}'.format" + "(1)".repeat(10_000) + " }}", "nested"), of("{{ '" + "{".repeat(100_001) + "'.format() }}", "'}'"),
                of("{% set x = 'ab ' * 300000 %}{% for i in range(100000) %}{{ x.split()|length }}{% endfor %}", ""),
                of("{% set x = namespace() %}{% set x.x = x %}{{ x }}", "nested"),
                of("{% set x = namespace(l=['a']) %}{% for i in range(40) %}{% set x.l = [x.l, x.l] %}{% endfor %}{{ x.l|pprint }}", "limit"),
                of("{% set x = namespace(l={}) %}{% for i in range(40) %}{% set x.l = {'a': x.l, 'b': x.l} %}{% endfor %}{{ x.l|pprint }}", "limit"));
    }

    @ParameterizedTest
    @MethodSource("hostile")
    void endsWithATypedError(String template, String message) {
        var threads = (com.sun.management.ThreadMXBean) ManagementFactory.getThreadMXBean();
        long before = threads.getCurrentThreadAllocatedBytes();
        assertThatThrownBy(() -> PeerCases.render(template, Map.of("numbers", List.of(1, 2, 3)))).isInstanceOf(TemplateException.class)
                .hasMessageContaining(message);
        assertThat(threads.getCurrentThreadAllocatedBytes() - before).isLessThan(MAX_ALLOCATED);
    }

    @Test
    void depthTakesLittleStack() throws InterruptedException {
        var failures = new java.util.ArrayList<Throwable>();
        String template = "{% macro m(n) %}{% if n %}{{ '' ~ (m(n - 1)|trim)|upper }}{% endif %}{% endmacro %}{{ m(1000) }}";
        var thread = new Thread(null, () -> {
            try {
                PeerCases.render(template, Map.of());
            } catch (TemplateException e) {
                failures.add(e);
            }
        }, "a thread's usual stack", 1 << 20);
        thread.start();
        thread.join();
        assertThat(failures).singleElement().satisfies(e -> assertThat(e).hasMessageContaining("macros call each other"));
    }

    @Test
    void aLongConversationFits() {
        String content = "word ".repeat(20_000);
        List<Map<String, Object>> messages = java.util.stream.IntStream.range(0, 200)
                .mapToObj(turn -> Map.<String, Object>of("role", turn % 2 == 0 ? "user" : "assistant", "content", content)).toList();
        String template = "{% for m in messages %}<|{{ m.role }}|>{{ m.content.split('</think>')[-1]|trim ~ '\\n' }}{% endfor %}";
        String text = Template.parse(template).render(Map.of("messages", messages), TemplateLimits.DEFAULT.plus(200 * content.length()),
                java.time.LocalDateTime::now);
        assertThat(text).hasSizeGreaterThan(200 * 99_999);
    }

    /** What a template does is counted, so that it ends at the same place every time. */
    @Test
    void limitsAreCountsOfWork() {
        var small = new TemplateLimits(100, 50, 10, 20, 1000);
        assertThat(Template.parse("{{ 'x' * 20 }}").render(Map.of(), small, java.time.LocalDateTime::now)).hasSize(20);
        assertThatThrownBy(() -> Template.parse("{{ 'x' * 40 }}").render(Map.of(), small,
                java.time.LocalDateTime::now)).hasMessageContaining("50 characters");
        assertThatThrownBy(() -> Template.parse("{{ [1] * 11 }}").render(Map.of(), small,
                java.time.LocalDateTime::now)).hasMessageContaining("10 elements");
        assertThatThrownBy(() -> Template.parse("{% for i in range(60) %}{% set x = i %}{% endfor %}").render(Map.of(), small,
                java.time.LocalDateTime::now))
                .hasMessageContaining("100 steps");
        assertThatThrownBy(() -> Template.parse("{{ " + "(".repeat(10) + "1 + ".repeat(25) + "1" + ")".repeat(10) + " }}")
                .render(Map.of(), small, java.time.LocalDateTime::now)).hasMessageContaining("20 deep");
    }

    /** Letters that become several: the library's own time for them grows by the square of their number. */
    @ParameterizedTest
    @ValueSource(strings = {"upper", "lower"})
    void lettersThatBecomeSeveralAreMappedAsTheLibraryDoesIt(String how) {
        String text = "\u0130\u0130x\u03a3\u0130. \ufb03\ud835\udc00\ufb03 \u0149\u03a3".repeat(100);
        String mapped = PeerCases.render("{{ text." + how + "() }}", Map.of("text", text));
        assertThat(mapped).isEqualTo(how.equals("upper") ? text.toUpperCase(java.util.Locale.ROOT) : text.toLowerCase(java.util.Locale.ROOT));
        String large = PeerCases.render("{{ (text * 1000000)." + how + "()|length }}", Map.of("text", how.equals("upper") ? "\ufb03" : "\u0130"));
        assertThat(large).isEqualTo(how.equals("upper") ? "3000000" : "2000000");
        assertThatThrownBy(() -> PeerCases.render("{{ ('\u03a3.' * 300000).lower() }}", Map.of()))
                .isInstanceOf(TemplateException.class).hasMessageContaining("steps");
    }

    /** What takes time by the square of the digits costs so many steps, and what goes over a text costs by its length. */
    @ParameterizedTest
    @ValueSource(strings = {"a|string", "'' ~ a", "[a]|string", "a|tojson", "{a: 1}|tojson", "'{:,}'.format(a)", "'{:x}'.format(a)",
        "'{:b}'.format(a)",
        "'%d' % a", "'%x' % a", "'%o' % a", "'%s' % a", "s|int", "s|int(0, 16)", "t is upper", "t is lower", "u|wordcount", "t is filter",
        "t is test"})
    void ofLongNumbersAndTextsOnlySoManyAreConverted(String expression) {
        String template = "{% set a = 7 ** 5000 %}{% set s = '9' * 4200 %}{% set t = 'A' * 10000 %}{% set u = 'é ' * 1000 %}"
                + "{% for i in range(400) %}{% set x = EXPRESSION %}{% endfor %}".replace("EXPRESSION", expression);
        var limits = new TemplateLimits(250_000, 1L << 40, 1L << 40, 100, 1000);
        assertThatThrownBy(() -> Template.parse(template).render(Map.of(), limits, java.time.LocalDateTime::now))
                .isInstanceOf(TemplateException.class).hasMessageContaining("250,000 steps");
        assertThat(Template.parse(template.replace("range(400)", "range(40)")).render(Map.of(), limits, java.time.LocalDateTime::now)).isEmpty();
    }

    /** What copies, spreads, compares or hashes a container of 1,000 elements or a text of 8,000 characters costs about 1,000 steps or more. */
    @ParameterizedTest
    @ValueSource(strings = {"m(**d)", "m(*l)", "dict(**d)", "k == k2", "i == i2", "l == l2", "l < l2", "d == e", "text in {}", "h[text2]", "{t: 1}",
        "['v']|map(attribute=path, default='v')|list", "f()"})
    void everyElementOfAContainerIsCounted(String expression) {
        String names = IntStream.range(0, 1000).mapToObj(i -> "a" + i).collect(Collectors.joining(","));
        String template = "{% macro m() %}{% if 0 %}{{ kwargs }}{{ varargs }}{% endif %}{% endmacro %}{% macro f(" + names + ") %}{% endmacro %}"
                + "{% set k, k2, i, i2 = d.keys(), e.keys(), d.items(), e.items() %}{% set l2 = l|list %}{% set t = (1,) * 1000 %}"
                + "{% set text2 = text ~ '' %}{% set h = {text: 1} %}{% set path = 'a.' * 500 ~ text[:7000] %}"
                + "{% for n in range(TIMES) %}{% set x = EXPRESSION %}{% endfor %}".replace("EXPRESSION", expression);
        Map<String, Object> entries = IntStream.range(0, 1000).boxed().collect(Collectors.toMap(i -> "k" + i, i -> "v", (one, _) -> one,
                java.util.LinkedHashMap::new));
        Map<String, Object> given = Map.of("d", entries, "e", entries, "l", IntStream.range(0, 1000).boxed().toList(), "text", "x".repeat(8000));
        var limits = new TemplateLimits(90_000, 1L << 40, 1L << 40, 100, 100_000);
        assertThat(Template.parse(template.replace("TIMES", "10")).render(given, limits, java.time.LocalDateTime::now)).isEmpty();
        assertThatThrownBy(() -> Template.parse(template.replace("TIMES", "100")).render(given, limits, java.time.LocalDateTime::now))
                .isInstanceOf(TemplateException.class).hasMessageContaining("90,000 steps");
    }

    /** Taking the first key of a dictionary does not copy the others. */
    @ParameterizedTest
    @ValueSource(strings = {"d|first", "i|first", "('a1', 1) in i"})
    @Timeout(30)
    void whatIsNotUsedTakesNoTime(String expression) {
        String template = "{% set d = dict(l) %}{% set i = d.items() %}{% set ns = namespace() %}"
                + "{% for n in range(99999) %}{% set ns.x = EXPRESSION %}{% endfor %}{{ ns.x }}".replace("EXPRESSION", expression);
        List<List<Object>> pairs = IntStream.range(0, 45_000).mapToObj(i -> List.<Object>of("a" + i, i)).toList();
        assertThat(PeerCases.render(template, Map.of("l", pairs))).isEqualTo(switch (expression) {
            case "d|first" -> "a0";
            case "i|first" -> "('a0', 0)";
            default -> "True";
        });
    }

    /** As many names as a template has room for; comparing each with each other took a minute. */
    @ParameterizedTest
    @ValueSource(strings = {
        "{% macro f(NAMES) %}{{ a7 }}{% endmacro %}{{ f(1) }}|",
        "{% macro f(NAMES=1) %}{{ a7 }}{% endmacro %}{{ f() }}|1",
        "{{ dict(NAMES=1).a7 }}|1",
        "{% macro f() %}{{ kwargs.a7 }}{% endmacro %}{{ f(NAMES=1) }}|1",
        "{% set NAMES = range(100000) %}{{ a7 }}|7",
        "{% with NAMES=1 %}{{ a7 }}{% endwith %}|1"
    })
    @Timeout(30)
    void manyNamesTakeNoLongerEach(String template) {
        int end = template.indexOf("NAMES") + "NAMES".length();
        String given = template.startsWith("=1", end) ? "=1" : "";
        String names = IntStream.range(0, 100_000).mapToObj(i -> "a" + i + given).collect(Collectors.joining(","));
        String[] parts = template.replace("NAMES" + given, names).split("\\|", 2);
        assertThat(PeerCases.render(parts[0], Map.of())).isEqualTo(parts[1]);
    }

    /** Keys chosen to have one hash code; looking each up among all others took minutes. */
    @ParameterizedTest
    @ValueSource(strings = {"PAIRS|unique|list|length", "dict(PAIRS|zipped)|length", "MIXED|unique|list|length", "RANGES|unique|list|length",
        "given|length", "given.items()|unique|list|length", "given.items()|groupby(0)|length", "messages[0].keys()|unique|list|length",
        "NESTED|unique|list|length", "TEXTS|unique|list|length"})
    @Timeout(30)
    void keysOfOneHashCodeTakeNoLonger(String expression) {
        int count = 20_000;
        List<String> texts = IntStream.range(0, count).mapToObj(TemplateLimitsTest::textOfOneHashCode).toList();
        assertThat(texts.stream().map(String::hashCode).distinct()).hasSize(1);
        Map<String, Object> given = texts.stream().collect(Collectors.toMap(text -> text, text -> 1, (one, _) -> one, java.util.LinkedHashMap::new));
        String template = "{{ " + expression.replace("PAIRS|zipped", list(count, i -> "((%d, %d), 1)".formatted(i, -31 * i)))
                .replace("PAIRS", list(count, i -> "(%d, %d)".formatted(i, -31 * i)))
                .replace("RANGES", list(count, i -> "range(%d, %d, %d)".formatted(-i, 99_000 - i - i, 3)))
                .replace("NESTED", list(count, i -> "((%d, %d), 'x')".formatted(i, -31 * i)))
                .replace("TEXTS", list(count, i -> "'" + texts.get(i) + "'"))
                .replace("MIXED", list(count, i -> i % 2 == 0 ? "'" + texts.get(i) + "'" : number(i, texts.get(i).hashCode()))) + " }}";
        assertThat(PeerCases.render(template, Map.of("given", given, "messages", List.of(given)))).isEqualTo(Integer.toString(count));
    }

    private static String list(int count, IntFunction<String> element) {
        return IntStream.range(0, count).mapToObj(element).collect(Collectors.joining(", ", "[", "]"));
    }

    private static String textOfOneHashCode(int number) {
        return IntStream.range(0, 16).mapToObj(bit -> (number >> bit & 1) == 0 ? "Aa" : "BB").collect(Collectors.joining());
    }

    /** An int of two words whose hash code, 31 times the first plus the second, is the one wanted. */
    private static String number(int first, int hash) {
        return Long.toUnsignedString((long) first << 32 | hash - 31L * first & 0xffff_ffffL);
    }
}
