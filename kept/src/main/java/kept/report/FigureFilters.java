package kept.report;

import io.pebbletemplates.pebble.extension.AbstractExtension;
import io.pebbletemplates.pebble.extension.Filter;
import io.pebbletemplates.pebble.template.EvaluationContext;
import io.pebbletemplates.pebble.template.PebbleTemplate;
import java.util.List;
import java.util.Map;
import java.util.function.Function;

/** {@link Figures} as filters of the page's template. */
final class FigureFilters extends AbstractExtension {
    private static final Map<String, Filter> FILTERS = Map.of(
        "divergence", filter(number -> Figures.divergence(number.doubleValue())),
        "count", filter(number -> Figures.count(number.longValue())),
        "percentage", filter(number -> Figures.percentage(number.doubleValue())),
        "perplexity", filter(number -> Figures.perplexity(number.doubleValue())),
        "rounded", filter(number -> Figures.rounded(number.longValue())),
        "significant", filter(number -> Figures.significant(number.doubleValue())));

    @Override
    public Map<String, Filter> getFilters() {
        return FILTERS;
    }

    private static Filter filter(Function<Number, String> format) {
        return new Filter() {
            @Override
            public List<String> getArgumentNames() {
                return List.of();
            }

            @Override
            public Object apply(Object input, Map<String, Object> arguments, PebbleTemplate self, EvaluationContext context, int line) {
                return format.apply((Number) input);
            }
        };
    }
}
