package kept.template;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;

/**
 * The arguments of a call.
 *
 * @param positional the positional arguments, in order
 * @param named the keyword arguments
 */
record Arguments(List<Object> positional, Map<String, Object> named) {
    static final Arguments NONE = new Arguments(List.of(), Map.of());

    /** The value of an omitted parameter. */
    static final Object MISSING = new Object();

    /**
     * Binds the arguments to parameters, in parameter order; {@link #MISSING} for omitted optional ones. The first {@code required} parameters must
     * be given.
     */
    Object[] bind(String function, int required, String... parameters) {
        if (positional.size() > parameters.length) {
            throw new TemplateException("%s() takes at most %d arguments, not %d".formatted(function, parameters.length, positional.size()));
        }
        var values = new Object[parameters.length];
        Arrays.fill(values, MISSING);
        for (int i = 0; i < positional.size(); i++) {
            values[i] = positional.get(i);
        }
        named.forEach((name, value) -> {
            int place = Arrays.asList(parameters).indexOf(name);
            if (place < 0) {
                throw new TemplateException("%s() got an unexpected keyword argument '%s'".formatted(function, name));
            }
            if (values[place] != MISSING) {
                throw new TemplateException("%s() got multiple values for argument '%s'".formatted(function, name));
            }
            values[place] = value;
        });
        for (int i = 0; i < required; i++) {
            if (values[i] == MISSING) {
                throw new TemplateException("%s() missing required argument '%s'".formatted(function, parameters[i]));
            }
        }
        return values;
    }

    /** Returns the arguments of a function that accepts only positional ones. */
    List<Object> positional(String function, int least, int most) {
        if (!named.isEmpty()) {
            throw new TemplateException("%s() takes no keyword arguments".formatted(function));
        }
        if (positional.size() < least || positional.size() > most) {
            throw new TemplateException("%s() takes from %d to %d arguments, not %d".formatted(function, least, most, positional.size()));
        }
        return positional;
    }

    /** Prepends a positional argument. */
    Arguments after(Object first) {
        var all = new ArrayList<>(positional.size() + 1);
        all.add(first);
        all.addAll(positional);
        return new Arguments(all, named);
    }
}
