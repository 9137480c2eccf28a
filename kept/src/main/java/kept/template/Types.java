package kept.template;

import java.math.BigInteger;

/** Python's type names. */
final class Types {
    private Types() {}

    static String name(Object value) {
        return switch (value) {
            case null -> "NoneType";
            case String _ -> "str";
            case Markup _ -> "Markup";
            case BigInteger _ -> "int";
            case Boolean _ -> "bool";
            case Double _ -> "float";
            case PyList _ -> "list";
            case PyTuple _ -> "tuple";
            case PyDict _ -> "dict";
            case DictView view -> switch (view.kind()) {
                case KEYS -> "dict_keys";
                case VALUES -> "dict_values";
                case ITEMS -> "dict_items";
            };
            case Range _ -> "range";
            case Undefined _ -> "Undefined";
            case Lazy lazy -> lazy.type();
            case Namespace _ -> "Namespace";
            case Macro _ -> "Macro";
            case Loop _ -> "LoopContext";
            case Function _ -> "function";
            default -> value.getClass().getSimpleName();
        };
    }

    /** Whether messages call a value of this type an object. */
    static boolean isNamedByClass(Object value) {
        return !(value instanceof Undefined);
    }

    static boolean isText(Object value) {
        return value instanceof String || value instanceof Markup;
    }

    /** The text of a string or safe string; null for other values. */
    static String text(Object value) {
        return value instanceof String text ? text : value instanceof Markup markup ? markup.text() : null;
    }
}
