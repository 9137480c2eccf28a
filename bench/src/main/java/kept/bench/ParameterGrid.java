package kept.bench;

import java.lang.reflect.Field;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import org.openjdk.jmh.annotations.Param;

/** Creates one {@link BenchmarkCase} for each combination of the values of its {@link Param} fields, as JMH does. */
final class ParameterGrid {
    private ParameterGrid() {}

    /** Creates the cases of a benchmark without opening them. Parameters declared in a superclass vary fastest. */
    static List<BenchmarkCase> of(Factory factory) {
        List<Field> fields = new ArrayList<>();
        for (Class<?> type = factory.create().getClass(); type != BenchmarkCase.class; type = type.getSuperclass()) {
            Arrays.stream(type.getDeclaredFields()).filter(field -> field.isAnnotationPresent(Param.class)).forEach(fields::add);
        }
        List<List<Object>> combinations = List.of(List.of());
        for (Field field : fields) {
            combinations = combinations.stream().flatMap(chosen -> values(field).stream().map(value -> with(chosen, value))).toList();
        }
        return combinations.stream().map(values -> create(factory, fields, values)).toList();
    }

    private static List<Object> with(List<Object> chosen, Object value) {
        List<Object> longer = new ArrayList<>(chosen);
        longer.add(value);
        return longer;
    }

    private static List<Object> values(Field field) {
        if (field.getType().isEnum()) {
            return List.of(field.getType().getEnumConstants());
        }
        List<Object> values = new ArrayList<>();
        for (String text : field.getAnnotation(Param.class).value()) {
            values.add(field.getType() == int.class ? (Object) Integer.valueOf(text) : text);
        }
        return values;
    }

    private static BenchmarkCase create(Factory factory, List<Field> fields, List<Object> values) {
        BenchmarkCase benchmark = factory.create();
        try {
            for (int i = 0; i < fields.size(); i++) {
                fields.get(i).set(benchmark, values.get(i));
            }
        } catch (IllegalAccessException e) {
            throw new IllegalStateException("a field with @Param must be public", e);
        }
        return benchmark;
    }

    /** A benchmark's constructor. */
    @FunctionalInterface
    interface Factory {
        /** Creates a case whose parameters are not set yet. */
        BenchmarkCase create();
    }
}
