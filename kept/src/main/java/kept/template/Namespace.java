package kept.template;

import java.util.LinkedHashMap;
import java.util.Map;

/** The only kind of value whose attributes a template can set. */
final class Namespace {
    private final Map<String, Object> attributes = new LinkedHashMap<>();

    Map<String, Object> attributes() {
        return attributes;
    }
}
