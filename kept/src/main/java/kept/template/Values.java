package kept.template;

import java.math.BigInteger;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.Iterator;
import java.util.List;
import java.util.PrimitiveIterator;

/** Operations that Python defines for all values: truth, length, iteration, containment, equality and order. */
final class Values {
    private final Budget budget;

    Values(Budget budget) {
        this.budget = budget;
    }

    boolean isTrue(Object value) {
        return switch (value) {
            case null -> false;
            case Boolean truth -> truth;
            case BigInteger number -> number.signum() != 0;
            case Double number -> number != 0;
            case Undefined _ -> false;
            case Loop loop -> loop.length() > 0;
            default -> {
                int length = lengthOrNone(value);
                yield length != 0;
            }
        };
    }

    /** {@code len(value)}, or -1 if the value has no length. */
    int lengthOrNone(Object value) {
        return switch (value) {
            case String text -> characters(text);
            case Markup markup -> characters(markup.text());
            case Sequence sequence -> sequence.items().size();
            case PyDict dict -> dict.size();
            case DictView view -> view.dict().size();
            case Range range -> range.length();
            case Undefined _ -> 0;
            case Loop loop -> loop.length();
            case null, default -> -1;
        };
    }

    private int characters(String text) {
        budget.scan(text.length());
        return Characters.length(text);
    }

    int length(Object value) {
        int length = lengthOrNone(value);
        if (length < 0) {
            throw new TemplateException("object of type '%s' has no len()".formatted(Types.name(value)));
        }
        return length;
    }

    static boolean isIterable(Object value) {
        return value instanceof Undefined || value instanceof Lazy || value instanceof Range || value instanceof DictView || value instanceof PyDict
                || value instanceof Sequence || Types.isText(value) || value instanceof Loop;
    }

    Iterator<Object> iterator(Object value) {
        return switch (value) {
            case Undefined _ -> List.of().iterator();
            case Lazy lazy -> lazy.iterator();
            case Sequence sequence -> sequence.items().iterator();
            case PyDict dict -> new DictView(DictView.Kind.KEYS, dict).iterator();
            case DictView view -> view.iterator();
            case String text -> characterIterator(text);
            case Markup markup -> characterIterator(markup.text());
            case Range range -> new Iterator<>() {
                private int next;

                @Override
                public boolean hasNext() {
                    return next < range.length();
                }

                @Override
                public Object next() {
                    return range.get(next++);
                }
            };
            case Loop _ -> throw TemplateException.unsupported("iterating over loop");
            case null, default -> throw new TemplateException("'%s' object is not iterable".formatted(Types.name(value)));
        };
    }

    private static Iterator<Object> characterIterator(String text) {
        PrimitiveIterator.OfInt signs = text.codePoints().iterator();
        return new Iterator<>() {
            @Override
            public boolean hasNext() {
                return signs.hasNext();
            }

            @Override
            public Object next() {
                return Character.toString(signs.nextInt());
            }
        };
    }

    /** {@code list(value)}. */
    List<Object> list(Object value) {
        var items = new ArrayList<>();
        for (Iterator<Object> rest = iterator(value); rest.hasNext();) {
            budget.items(1);
            items.add(rest.next());
        }
        return items;
    }

    boolean areEqual(Object left, Object right) {
        return areEqual(left, right, 0);
    }

    private boolean areEqual(Object left, Object right, int depth) {
        budget.work(1);
        if (Text.isTooDeep(depth)) {
            throw Text.tooDeep("comparing");
        }
        if (Numbers.isNumber(left) && Numbers.isNumber(right)) {
            return !Numbers.isNaN(left) && !Numbers.isNaN(right) && Numbers.compare(left, right) == 0;
        }
        if (Types.isText(left) && Types.isText(right)) {
            String first = Types.text(left);
            budget.scan(first.length());
            return first.equals(Types.text(right));
        }
        return switch (left) {
            case null -> right == null;
            case PyList list -> right instanceof PyList other && areEqual(list.items(), other.items(), depth);
            case PyTuple tuple -> right instanceof PyTuple other && areEqual(tuple.items(), other.items(), depth);
            case PyDict dict -> right instanceof PyDict other && areEqual(dict, other, depth);
            case DictView view when view.kind() != DictView.Kind.VALUES && right instanceof DictView other && other.kind() != DictView.Kind.VALUES ->
                view.dict().size() == other.dict().size() && isSubset(view, other);
            case Range range -> right instanceof Range other && range.length() == other.length()
                    && (range.length() == 0 || range.start().equals(other.start()) && (range.length() == 1 || range.step().equals(other.step())));
            case Undefined _ -> right instanceof Undefined;
            default -> left == right;
        };
    }

    private boolean isSubset(DictView view, DictView other) {
        for (Iterator<Object> items = view.iterator(); items.hasNext();) {
            budget.work(1);
            if (!contains(other, items.next())) {
                return false;
            }
        }
        return true;
    }

    /** Whether the items of a dictionary, pairs of a key and its value, contain a value. */
    private boolean isItem(PyDict dict, Object value) {
        if (!(value instanceof PyTuple pair) || pair.items().size() != 2) {
            return false;
        }
        PyDict.Entry entry = dict.entry(pair.items().get(0), budget);
        Object wanted = pair.items().get(1);
        return entry != null && (entry.value() == wanted && !Numbers.isNumber(wanted) || areEqual(entry.value(), wanted));
    }

    private boolean areEqual(List<Object> left, List<Object> right, int depth) {
        if (left.size() != right.size()) {
            return false;
        }
        for (int i = 0; i < left.size(); i++) {
            budget.work(1);
            if (left.get(i) != right.get(i) && !areEqual(left.get(i), right.get(i), depth + 1)) {
                return false;
            }
        }
        return true;
    }

    private boolean areEqual(PyDict left, PyDict right, int depth) {
        return left.size() == right.size() && left.entries().stream().allMatch(entry -> {
            PyDict.Entry other = right.entry(entry.key(), budget);
            return other != null && (entry.value() == other.value() || areEqual(entry.value(), other.value(), depth + 1));
        });
    }

    /** Whether two values are the same object, as far as that can be decided for values without identity. */
    boolean areSame(Object left, Object right) {
        boolean copied = left instanceof Double || left instanceof BigInteger || Types.isText(left);
        if (left == right && !copied) {
            return true;
        }
        if (left instanceof Boolean || right instanceof Boolean || left == null || right == null) {
            return left != null && left.equals(right);
        }
        if (!copied || !Types.name(left).equals(Types.name(right)) || !areEqual(left, right)) {
            return false;
        }
        throw TemplateException.unsupported("sameas of equal numbers or strings, which depends on how Python keeps them,");
    }

    /** {@code item in container}. */
    boolean contains(Object container, Object item) {
        switch (container) {
            case String text -> {
                return containsText(text, item);
            }
            case Markup markup -> {
                return containsText(markup.text(), item);
            }
            case PyDict dict -> {
                return dict.entry(item, budget) != null;
            }
            case Range range when Numbers.isNumber(item) -> {
                return range.contains(item, budget);
            }
            case DictView view when view.kind() == DictView.Kind.KEYS -> {
                return view.dict().entry(item, budget) != null;
            }
            case DictView view when view.kind() == DictView.Kind.ITEMS -> {
                return isItem(view.dict(), item);
            }
            case null -> throw notIterable(null);
            default -> {
                if (!isIterable(container)) {
                    throw notIterable(container);
                }
                for (Iterator<Object> rest = iterator(container); rest.hasNext();) {
                    Object next = rest.next();
                    if (next == item && !Numbers.isNumber(item) || areEqual(next, item)) {
                        return true;
                    }
                }
                return false;
            }
        }
    }

    private static TemplateException notIterable(Object container) {
        return new TemplateException("argument of type '%s' is not iterable".formatted(Types.name(container)));
    }

    private boolean containsText(String text, Object item) {
        String part = Types.text(item);
        if (part == null) {
            throw new TemplateException("'in <string>' requires string as left operand, not " + Types.name(item));
        }
        budget.scan((long) text.length() * 2 + part.length());
        return Characters.indexOf(text, part, 0) >= 0;
    }

    /** Negative, zero or positive as the left is less, equal or greater; 2 if they are unordered, as with nan. */
    int compare(String operator, Object left, Object right) {
        return compare(operator, left, right, 0);
    }

    private int compare(String operator, Object left, Object right, int depth) {
        budget.work(1);
        if (Text.isTooDeep(depth)) {
            throw Text.tooDeep("comparing");
        }
        if (Numbers.isNumber(left) && Numbers.isNumber(right)) {
            return Numbers.isNaN(left) || Numbers.isNaN(right) ? 2 : Integer.signum(Numbers.compare(left, right));
        }
        if (Types.isText(left) && Types.isText(right)) {
            budget.scan(Math.min(Types.text(left).length(), Types.text(right).length()));
            return Integer.signum(compareCodePoints(Types.text(left), Types.text(right)));
        }
        if (left instanceof PyList first && right instanceof PyList second) {
            return compare(operator, first.items(), second.items(), depth);
        }
        if (left instanceof PyTuple first && right instanceof PyTuple second) {
            return compare(operator, first.items(), second.items(), depth);
        }
        if (left instanceof Undefined undefined) {
            throw undefined.failure();
        }
        if (right instanceof Undefined undefined) {
            throw undefined.failure();
        }
        throw new TemplateException("'%s' not supported between instances of '%s' and '%s'".formatted(operator, Types.name(left), Types.name(right)));
    }

    private int compare(String operator, List<Object> left, List<Object> right, int depth) {
        for (int i = 0; i < left.size() && i < right.size(); i++) {
            budget.work(1);
            if (left.get(i) != right.get(i) && !areEqual(left.get(i), right.get(i), depth + 1)) {
                return compare(operator, left.get(i), right.get(i), depth + 1);
            }
        }
        return Integer.compare(left.size(), right.size());
    }

    private static int compareCodePoints(String left, String right) {
        int place = 0;
        int shorter = Math.min(left.length(), right.length());
        while (place < shorter && left.charAt(place) == right.charAt(place)) {
            place++;
        }
        if (place == shorter) {
            return Integer.compare(left.length(), right.length());
        }
        boolean inside = place > 0 && Character.isLowSurrogate(left.charAt(place)) && Character.isLowSurrogate(right.charAt(place));
        return Integer.compare(left.codePointAt(inside ? place - 1 : place), right.codePointAt(inside ? place - 1 : place));
    }

    /** Whether the left is less than the right. */
    boolean isLess(Object left, Object right) {
        return compare("<", left, right) == -1;
    }

    /** The order used for sorting, which in Python only asks whether one value is less than another. */
    Comparator<Object> order() {
        return (left, right) -> {
            int order = compare("<", left, right);
            if (order == 2) {
                throw TemplateException.unsupported("sorting nan, whose place is not defined,");
            }
            return order;
        };
    }
}
