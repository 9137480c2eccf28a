package kept.template;

/** An undefined value: it prints as an empty string, is empty and false, and fails in other operations. */
final class Undefined {
    private final String hint;

    Undefined(String hint) {
        this.hint = hint;
    }

    static Undefined name(String name) {
        return new Undefined("'%s' is undefined".formatted(name));
    }

    static Undefined attribute(Object of, Object name) {
        String owner = of == null ? "None" : Types.isNamedByClass(of) ? Types.name(of) + " object" : Types.name(of);
        return new Undefined(name instanceof String text ? "'%s' has no attribute '%s'".formatted(owner, Text.shortened(text))
                : "%s has no such element".formatted(owner));
    }

    /** An existing attribute that the sandbox does not allow. */
    static Undefined unsafe(Object of, String name) {
        return new Undefined("access to attribute '%s' of '%s' object is unsafe".formatted(name, Types.name(of)));
    }

    TemplateException failure() {
        return new TemplateException(hint);
    }
}
