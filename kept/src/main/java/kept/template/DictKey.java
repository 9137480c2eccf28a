package kept.template;

import java.math.BigInteger;
import java.util.List;

/**
 * The Java map key that represents a Python key. Keys have an order, by which a map finds one quickly among many of the same hash code, which a
 * hostile template can construct.
 *
 * @param value a string, a BigInteger, a double that is not an integer, a list of such values for a tuple, or an object equal only to itself
 */
record DictKey(Object value) implements Comparable<DictKey> {
    @Override
    public int compareTo(DictKey other) {
        return compare(value, other.value);
    }

    private static int compare(Object left, Object right) {
        if (left == right) {
            return 0;
        }
        int kinds = Integer.compare(kind(left), kind(right));
        if (kinds != 0) {
            return kinds;
        }
        return switch (left) {
            case String text -> text.compareTo((String) right);
            case BigInteger number -> number.compareTo((BigInteger) right);
            case Double number -> number.compareTo((Double) right);
            case List<?> items -> compare(items, (List<?>) right);
            default -> Integer.compare(System.identityHashCode(left), System.identityHashCode(right));
        };
    }

    private static int compare(List<?> left, List<?> right) {
        int order = Integer.compare(left.size(), right.size());
        for (int i = 0; order == 0 && i < left.size(); i++) {
            order = compare(left.get(i), right.get(i));
        }
        return order;
    }

    private static int kind(Object value) {
        return switch (value) {
            case String _ -> 0;
            case BigInteger _ -> 1;
            case Double _ -> 2;
            case List<?> _ -> 3;
            default -> 4;
        };
    }
}
