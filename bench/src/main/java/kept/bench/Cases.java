package kept.bench;

import java.lang.reflect.Field;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import org.openjdk.jmh.annotations.Param;

/** The cases of a contest: all combinations of what its fields marked {@link Param} may be, as JMH has them. */
final class Cases {
    private Cases() {}

    /** A contest for each case, not opened; a superclass's parameters change fastest. */
    static List<Contest> of(Maker maker) {
        List<Field> fields = new ArrayList<>();
        for (Class<?> type = maker.make().getClass(); type != Contest.class; type = type.getSuperclass()) {
            Arrays.stream(type.getDeclaredFields()).filter(field -> field.isAnnotationPresent(Param.class)).forEach(fields::add);
        }
        List<List<Object>> combinations = List.of(List.of());
        for (Field field : fields) {
            combinations = combinations.stream().flatMap(chosen -> values(field).stream().map(value -> with(chosen, value))).toList();
        }
        return combinations.stream().map(values -> contest(maker, fields, values)).toList();
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

    private static Contest contest(Maker maker, List<Field> fields, List<Object> values) {
        Contest contest = maker.make();
        try {
            for (int i = 0; i < fields.size(); i++) {
                fields.get(i).set(contest, values.get(i));
            }
        } catch (IllegalAccessException e) {
            throw new IllegalStateException("JMH asks for public fields", e);
        }
        return contest;
    }

    /** A constructor. */
    @FunctionalInterface
    interface Maker {
        /** A contest with no parameter set. */
        Contest make();
    }
}
