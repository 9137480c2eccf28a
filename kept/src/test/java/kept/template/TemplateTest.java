package kept.template;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class TemplateTest {
    /** Operators, literals, methods, filters, tests, statements and white space, each with all that goes wrong with them in Python. */
    @Test
    void everyPartOfTheLanguageIsAsTransformersHasIt() throws IOException {
        PeerCases.Outcome outcome = PeerCases.compare("expressions.json");
        assertThat(outcome.differences()).isEmpty();
        assertThat(outcome.cases()).isGreaterThan(3000);
        assertThat(outcome.refused()).hasSize(7);
    }

    @Test
    void randomExpressionsAreAsTransformersHasThem() throws IOException {
        PeerCases.Outcome outcome = PeerCases.compare("random.json");
        assertThat(outcome.differences()).isEmpty();
        assertThat(outcome.cases()).isEqualTo(3000);
        assertThat(outcome.refused()).allMatch(refused -> refused.contains("a slice of a constant")).hasSizeLessThan(10);
    }

    /** Templates in the style of model families, with conversations of every kind. */
    @Test
    void conversationsAreAsTransformersWritesThem() throws IOException {
        PeerCases.Outcome outcome = PeerCases.compare("families.json");
        assertThat(outcome.differences()).isEmpty();
        assertThat(outcome.refused()).isEmpty();
        assertThat(outcome.cases()).isGreaterThan(800);
    }

    @ParameterizedTest
    @CsvSource(delimiter = '~', quoteCharacter = '`', value = {
        "{{ [1]|random }} ~ the filter random",
        "{{ 'a'|urlize }} ~ the filter urlize",
        "{{ 'a'|wordwrap }} ~ the filter wordwrap",
        "{{ lipsum() }} ~ lipsum",
        "{{ 'a'.encode() }} ~ encode",
        "{{ range }} ~ printing a function",
        "{% autoescape true %}{% endautoescape %} ~ autoescape",
        "{{ strftime_now('%Q') }} ~ %Q",
        "{{ 'Ä'.casefold() }} ~ casefold",
        "{{ '\\ud83d' }} ~ surrogate",
        "{{ é }} ~ names of other letters",
        "{{ [(1e308 * 10) - (1e308 * 10), 1]|sort }} ~ sorting nan",
        "{{ 'ab' is sameas 'ab' }} ~ sameas"
    })
    void whatIsNotSupportedIsNamed(String template, String named) {
        assertThatThrownBy(() -> PeerCases.render(template, Map.of())).isInstanceOf(TemplateException.class)
                .hasMessageContaining(named).hasMessageContaining("not supported");
    }

    @ParameterizedTest
    @CsvSource(delimiter = '~', quoteCharacter = '`', value = {
        "a\\n{{ 1 + 'a' }} ~ 2 ~ unsupported operand type(s) for +: 'int' and 'str'",
        "a\\nb\\n{{ raise_exception('only users') }} ~ 3 ~ only users",
        "{% for x in [1] %}\\n{{ x.a.b }}\\n{% endfor %} ~ 2 ~ 'int object' has no attribute 'a'",
        "\\n\\n{{ nobody.name }} ~ 3 ~ 'nobody' is undefined",
        "\\n{% nope %} ~ 2 ~ unknown tag 'nope'",
        "{% if x %}\\n\\n ~ 2 ~ Unexpected end of template",
        "{{ 1\\n| nope }} ~ 2 ~ No filter named 'nope'.",
        "{% filter length %}abc{% endfilter %} ~ 1 ~ expected str instance, int found",
        "a\\n{% macro m() %}{% filter list %}abc{% endfilter %}{% endmacro %}{{ m() }} ~ 2 ~ expected str instance, list found",
        "{% include 'x' %} ~ 1 ~ include needs another template"
    })
    void errorsHaveTheirLine(String template, int line, String message) {
        assertThatThrownBy(() -> PeerCases.render(template.replace("\\n", "\n"), Map.of())).isInstanceOfSatisfying(TemplateException.class, e -> {
            assertThat(e.line()).isEqualTo(line);
            assertThat(e.raised()).isEqualTo(message.equals("only users"));
        }).hasMessageContaining(message);
    }

    /** None where a filter or a loop takes something else is a typed error as any other. */
    @ParameterizedTest
    @ValueSource(strings = {"{{ 'a'|center(none) }}", "{% for i in [1] recursive %}{{ loop(none) }}{% endfor %}", "{{ 'a'|indent(none) }}",
        "{{ 'a'|truncate(none) }}", "{{ [1]|slice(none)|list }}", "{{ 2|round(none) }}", "{{ [1]|map(none)|list }}", "{{ 'a'.split(none, none) }}",
        "{{ 'a'.join(none) }}", "{{ range(none) }}", "{{ 'a'|replace('a', 'b', 1.5) }}", "{{ 'a'.zfill(none) }}", "{{ dict(none) }}"})
    void noneIsNoArgumentOfThese(String template) {
        assertThatThrownBy(() -> PeerCases.render(template, Map.of())).isInstanceOf(TemplateException.class);
    }

    @Test
    void valuesThatAreNoneOfPythonAreRefused() {
        Map<String, Object> variables = new HashMap<>();
        variables.put("x", new StringBuilder("a"));
        assertThatThrownBy(() -> PeerCases.render("{{ x }}", variables)).isInstanceOf(TemplateException.class).hasMessageContaining("StringBuilder");
        variables.put("x", List.of("half \ud83d of a pair"));
        assertThatThrownBy(() -> PeerCases.render("{{ x }}", variables)).isInstanceOf(TemplateException.class).hasMessageContaining("surrogate");
        Object deep = List.of();
        for (int i = 0; i < 1000; i++) {
            deep = List.of(deep);
        }
        variables.put("x", deep);
        assertThatThrownBy(() -> PeerCases.render("{{ x }}", variables)).isInstanceOf(TemplateException.class).hasMessageContaining("nested");
    }

    /** Expected values are Python's. */
    @ParameterizedTest
    @CsvSource(delimiter = '~', quoteCharacter = '`', value = {
        "{{ {range(0): 1}[range(1, 1)] }} ~ 1", "{{ {range(0, 1, 5): 2}[range(0, 1)] }} ~ 2",
        "{{ {range(0, 3): 3}[range(0, 4)] is defined }} ~ False",
        "{{ [range(0), range(1, 1), range(3), range(0, 3, 1), range(0, 5, 2), range(0, 6, 2)]|unique|list|length }} ~ 3",
        "{{ {(1, 1.0): 4}[(1.0, true)] }} ~ 4", "{{ {(1, (2,)): 5}[(1, 2)] is defined }} ~ False", "{{ {1.5: 6, '1.5': 7}[1.5] }} ~ 6",
        "{{ {none: 8}[none] }} ~ 8", "{{ {(none,): 9}[(none,)] }} ~ 9", "{{ [1, 1.0, true, '1', 1.5, (1,), (true,), none]|unique|list|length }} ~ 5"
    })
    void keysAreEqualAsInPython(String template, String expected) {
        assertThat(PeerCases.render(template, Map.of())).isEqualTo(expected);
    }
}
