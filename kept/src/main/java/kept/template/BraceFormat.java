package kept.template;

import java.math.BigInteger;
import java.util.List;
import java.util.function.Function;

/** {@code "{} {name:>10}".format(values)}. */
final class BraceFormat {
    private final List<Object> positional;
    private final Function<String, Object> named;
    private final Interpreter interpreter;
    private int next;
    private boolean numbered;

    private BraceFormat(List<Object> positional, Function<String, Object> named, Interpreter interpreter) {
        this.positional = positional;
        this.named = named;
        this.interpreter = interpreter;
    }

    static String format(String format, Arguments arguments, Interpreter interpreter) {
        return new BraceFormat(arguments.positional(), name -> arguments.named().getOrDefault(name, Frame.MISSING), interpreter).format(format, 2);
    }

    static String formatMap(String format, Object values, Interpreter interpreter) {
        if (!(values instanceof PyDict dict)) {
            throw TemplateException.unsupported("format_map with a " + Types.name(values));
        }
        return new BraceFormat(List.of(), name -> {
            PyDict.Entry entry = dict.entry(name, interpreter.budget());
            return entry == null ? Frame.MISSING : entry.value();
        }, interpreter).format(format, 2);
    }

    private String format(String format, int depth) {
        if (depth < 0) {
            throw new TemplateException("Max string recursion exceeded");
        }
        var result = new StringBuilder();
        for (int i = 0; i < format.length(); i++) {
            char sign = format.charAt(i);
            boolean doubled = i + 1 < format.length() && format.charAt(i + 1) == sign;
            if (sign != '{' && sign != '}') {
                result.append(sign);
            } else if (doubled) {
                result.append(sign);
                i++;
            } else if (sign == '}') {
                throw new TemplateException("Single '}' encountered in format string");
            } else {
                int end = end(format, i + 1);
                String field = field(format.substring(i + 1, end), depth);
                interpreter.budget().text(field.length());
                result.append(field);
                i = end;
            }
        }
        interpreter.budget().text(format.length());
        return result.toString();
    }

    private static int end(String format, int from) {
        int depth = 1;
        boolean subscript = false;
        for (int i = from; i < format.length(); i++) {
            char sign = format.charAt(i);
            if (sign == '[') {
                subscript = true;
            } else if (sign == ']') {
                subscript = false;
            } else if (sign == '{' && !subscript) {
                depth++;
            } else if (sign == '}' && !subscript && --depth == 0) {
                return i;
            }
        }
        throw new TemplateException("expected '}' before end of string");
    }

    private String field(String field, int depth) {
        int mark = nameEnd(field);
        String name = field.substring(0, mark);
        String rest = field.substring(mark);
        char conversion = 0;
        if (rest.startsWith("!")) {
            if (rest.length() < 2 || rest.length() > 2 && rest.charAt(2) != ':') {
                throw new TemplateException("expected ':' after conversion specifier");
            }
            conversion = rest.charAt(1);
            rest = rest.substring(2);
        }
        Object value = value(name);
        String specification = rest.isEmpty() ? "" : format(rest.substring(1), depth - 1);
        Object converted = switch (conversion) {
            case 0 -> value;
            case 's' -> interpreter.text().string(value);
            case 'r' -> interpreter.text().repr(value);
            case 'a' -> Json.ascii(interpreter.text().repr(value));
            default -> throw new TemplateException("Unknown conversion specifier " + conversion);
        };
        return FormatSpec.format(converted, specification, interpreter);
    }

    private static int nameEnd(String field) {
        boolean subscript = false;
        for (int i = 0; i < field.length(); i++) {
            char sign = field.charAt(i);
            if (sign == '[') {
                subscript = true;
            } else if (sign == ']') {
                subscript = false;
            } else if (!subscript && (sign == '!' || sign == ':')) {
                return i;
            } else if (sign == '{') {
                throw new TemplateException("unexpected '{' in field name");
            }
        }
        return field.length();
    }

    private Object value(String name) {
        int end = 0;
        while (end < name.length() && name.charAt(end) != '.' && name.charAt(end) != '[') {
            end++;
        }
        Object value = first(name.substring(0, end));
        int at = end;
        while (at < name.length()) {
            if (name.charAt(at) == '.') {
                int stop = at + 1;
                while (stop < name.length() && name.charAt(stop) != '.' && name.charAt(stop) != '[') {
                    stop++;
                }
                value = interpreter.evaluator().attributes().attribute(value, part(name, at + 1, stop));
                at = stop;
            } else {
                int close = name.indexOf(']', at);
                if (name.charAt(at) != '[' || close < 0) {
                    throw new TemplateException("Missing ']' or a '.' in format string");
                }
                String key = part(name, at + 1, close);
                value = interpreter.evaluator().attributes().item(value, isNumber(key) ? new BigInteger(key) : key);
                at = close + 1;
            }
        }
        return value;
    }

    private static String part(String name, int from, int to) {
        if (from == to) {
            throw new TemplateException("Empty attribute in format string");
        }
        return name.substring(from, to);
    }

    private static boolean isNumber(String text) {
        return !text.isEmpty() && text.length() < 10 && text.chars().allMatch(sign -> sign >= '0' && sign <= '9');
    }

    private Object first(String name) {
        if (name.isEmpty() || isNumber(name)) {
            boolean automatic = name.isEmpty();
            if (automatic ? numbered : next > 0) {
                throw new TemplateException("cannot switch between manual field specification and automatic field numbering");
            }
            numbered = !automatic;
            int place = automatic ? next++ : Integer.parseInt(name);
            if (place >= positional.size()) {
                throw new TemplateException("Replacement index %d out of range for positional args tuple".formatted(place));
            }
            return positional.get(place);
        }
        Object value = named.apply(name);
        if (value == Frame.MISSING) {
            throw new TemplateException("no value named '%s' for the format".formatted(Text.shortened(name)));
        }
        return value;
    }
}
