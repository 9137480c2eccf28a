package kept.template;

import java.util.List;

/** The result of {@code cycler}: cycles through values. */
final class Cycler {
    private final List<Object> items;
    private int place;

    Cycler(List<Object> items) {
        if (items.isEmpty()) {
            throw new TemplateException("at least one item has to be provided");
        }
        this.items = items;
    }

    /** An attribute, or {@link Frame#MISSING}. */
    Object attribute(String name) {
        return switch (name) {
            case "current" -> items.get(place);
            case "items" -> new PyTuple(items);
            case "pos" -> Numbers.of(place);
            case "next" -> new Function(name, (arguments, _) -> {
                arguments.positional(name, 0, 0);
                Object value = items.get(place);
                place = (place + 1) % items.size();
                return value;
            });
            case "reset" -> new Function(name, (arguments, _) -> {
                arguments.positional(name, 0, 0);
                place = 0;
                return null;
            });
            default -> Frame.MISSING;
        };
    }
}
