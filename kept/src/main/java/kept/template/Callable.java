package kept.template;

/** A value that can be called. */
@FunctionalInterface
interface Callable {
    Object call(Arguments arguments, Interpreter interpreter);
}
